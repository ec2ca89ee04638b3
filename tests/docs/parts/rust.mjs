// The Rust of the pages as a workspace: recipes are programs, all other blocks the doctests of a crate `pages`.

import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { targetDirectory } from "../../../scripts/build.mjs";
import { root, run } from "../../../scripts/run.mjs";
import { recordLock, writeLock } from "./lock.mjs";

const HERE = new URL("../rust/", import.meta.url);

/** Writes the workspace: where it is, and how many programs are in it. */
export function makeWorkspace(pages, recipes) {
  const folder = join(targetDirectory(), "docs-code");
  const programs = recipes.filter(({ files }) => files.some(({ file }) => file === "Cargo.toml"));
  const files = new Map();
  const members = ["pages", ...programs.map(({ name }) => name)];
  files.set("Cargo.toml", workspace(members));
  files.set("pages/Cargo.toml", readFileSync(new URL("pages.toml", HERE), "utf8"));
  for (const recipe of programs) for (const { file, code } of recipe.files) files.set(`${recipe.name}/${file}`, code);
  const texts = pages.map((page) => [`pages/src/${page.path.replaceAll(/\W+/g, "-")}`, doctests(page)]).filter(([, text]) => text);
  for (const [path, text] of texts) files.set(path, text);
  files.set("pages/src/lib.rs", texts.map(([path], at) => `#[doc = include_str!("${path.slice("pages/src/".length)}")]\npub mod page_${at} {}\n`).join(""));
  for (const [path, text] of files) writeIfChanged(join(folder, path), text);
  removeOthers(folder, files);
  const made = { folder, lock: join(folder, "Cargo.lock"), programs: programs.length };
  writeLock(made);
  recordLock(made);
  return made;
}

const workspace = (members) => `[workspace]
resolver = "3"
members = ${JSON.stringify(members)}

[patch.crates-io]
lockkeeper = { path = ${JSON.stringify(root)} }

[profile.dev]
debug = "line-tables-only"
`;

/** The blocks that are no files, each in its own line of the page. */
function doctests({ blocks }) {
  let text = "";
  for (const { line, language, words, code } of blocks.filter(({ language, file }) => language === "rust" && !file)) {
    text += "\n".repeat(line - 1 - text.split("\n").length + 1);
    text += `\`\`\`${[language, ...words].join(",")}\n${code}\`\`\`\n`;
  }
  return text;
}

/** What is as it was is left alone, or Cargo would compile it again. */
function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Sources of pages that are no more. */
function removeOthers(folder, files) {
  for (const name of readdirSync(folder, { withFileTypes: true })) {
    if (name.isDirectory() && ![...files.keys()].some((path) => path.startsWith(`${name.name}/`))) rmSync(join(folder, name.name), { recursive: true });
  }
}

/** Runs Cargo there; what others have compiled, too, is compiled once. */
export function cargo({ folder }, ...args) {
  return run(["cargo", ...args, "--manifest-path", join(folder, "Cargo.toml"), "--target-dir", targetDirectory()]);
}

export const binaryOf = (name) => join(targetDirectory(), "debug", process.platform === "win32" ? `${name}.exe` : name);
