// A folder outside the checkout with the packed package installed, as in a project of a user's.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Failure, output, root } from "../../../scripts/run.mjs";
import { configuration } from "../scenario.js";

const npm = (...args) => {
  const command = process.platform === "win32" ? ["cmd", "/c", "npm", ...args] : ["npm", ...args];
  const text = output(command, { stderr: "inherit" });
  if (text === undefined) throw new Failure(`failed: npm ${args.join(" ")}`);
  return text;
};

/** Packs dist/ and installs the archive: all that this writes is below one temporary folder. */
export function makeProject(baseUrl) {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-package-"));
  npm("pack", "--ignore-scripts", "--silent", "--pack-destination", folder);
  const archive = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")));
  const project = { folder, archive, baseUrl, path: (...names) => join(folder, ...names) };
  write(project, "package.json", { private: true, type: "module" });
  write(project, "provider.json", configuration(baseUrl, "file", "gpt-4"));
  npm("install", "--prefix", folder, "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", archive);
  cpSync(new URL("../scenario.js", import.meta.url), project.path("scenario.js"));
  return project;
}

export function removeProject({ folder }) {
  if (process.env.LOCKKEEPER_KEEP_PROJECT) return console.log(`\nkept: ${folder}`);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Writes a file of the project: a text, or an object as JSON. Gives back its path. */
export function write(project, name, content) {
  const path = project.path(name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
  return path;
}

/** Lets the project see a package of this checkout's, such as one that it is type-checked with. */
export function lend(project, name) {
  const link = project.path("node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { recursive: true, force: true });
  symlinkSync(join(root, "node_modules", name), link, "junction");
}
