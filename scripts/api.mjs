// The library's public API as a record, so that each change of it shows in a review; and whether the version says so.
//
// The types of the npm package need no record: js/*.d.ts are written by hand and published as they are.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { targetDirectory } from "./build.mjs";
import { Failure, mustPrint, output, root, run } from "./run.mjs";
import { cargoPublicApi } from "./toolchain.mjs";

const RECORD = "tests/public_api/lockkeeper.txt";
const FEATURES = "macros,redis";

/** Compares the API with its record, and its record with the last release. */
export async function checkApi() {
  const found = await publicApi();
  const { gone, come } = differences(read(RECORD), found);
  if (gone.length + come.length) {
    const lines = [...gone.map((line) => `- ${line}`), ...come.map((line) => `+ ${line}`)];
    throw new Failure(`${RECORD} says something else:\n${lines.join("\n")}\nIf that is as it should be, record it: npm run record -- api`);
  }
  console.log(`${found.length} public items, as recorded`);
  checkVersion();
}

export async function recordApi() {
  writeFileSync(join(root, RECORD), `${(await publicApi()).join("\n")}\n`);
}

/** One line for each item that others can name, as rustdoc sees them. The pinned compiler writes what the pinned program reads. */
async function publicApi() {
  // In a folder of its own: many crates are compiled anew wherever RUSTC_BOOTSTRAP has changed.
  const target = join(targetDirectory(), "public-api");
  const doc = ["cargo", "rustdoc", "--locked", "-p", "lockkeeper", "--features", FEATURES, "--lib", "--target-dir", target, "--", "-Zunstable-options", "--output-format", "json"];
  console.log(`$ ${doc.join(" ")}`);
  const code = await run(doc, { env: { RUSTC_BOOTSTRAP: "1" } });
  if (code !== 0) throw new Failure("the library's items can't be listed", code);
  const program = await cargoPublicApi();
  const text = mustPrint([program, "public-api", "--rustdoc-json", join(target, "doc", "lockkeeper.json"), "-sss"]);
  return linesOf(text);
}

const read = (path) => linesOf(readFileSync(join(root, path), "utf8"));
const linesOf = (text) => text.split(/\r?\n/).filter(Boolean);

/** The lines that are gone, and those that have come. */
function differences(before, now) {
  const [old, fresh] = [new Set(before), new Set(now)];
  return { gone: before.filter((line) => !fresh.has(line)), come: now.filter((line) => !old.has(line)) };
}

/** Whoever takes something away since the last release has to raise the version as Cargo and npm read it. */
function checkVersion() {
  const tag = output(["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])?.trim();
  if (!tag) return console.log("nothing is released yet that it could break");
  const types = readdirSync(join(root, "js")).filter((name) => name.endsWith(".d.ts")).map((name) => `js/${name}`);
  const gone = [RECORD, ...types].flatMap((path) => differences(declarations(output(["git", "show", `${tag}:${path}`]) ?? ""), declarations(readFileSync(join(root, path), "utf8"))).gone);
  const version = /^version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
  if (gone.length && isCompatible(tag.slice(1), version)) {
    throw new Failure(`${version} may be taken for ${tag}, but these have changed or are gone:\n${gone.join("\n")}\nRaise the version.`);
  }
  console.log(`${gone.length} items of ${tag} have changed or are gone in ${version}`);
}

/** The lines of an API that say something. */
const declarations = (text) => linesOf(text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*/gm, "")).map((line) => line.trim()).filter((line) => /\w/.test(line));

/** Whether those who ask for one version may be given the other: the first number that is not 0 is the same. */
function isCompatible(one, other) {
  const [a, b] = [one, other].map((version) => version.split("."));
  const at = a.findIndex((number) => number !== "0");
  return a.slice(0, at + 1).join() === b.slice(0, at + 1).join();
}
