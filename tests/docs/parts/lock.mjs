// The versions of crates that the pages' Rust is built with: the library's own, and beside them what only recipes need.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, output, root } from "../../../scripts/run.mjs";

const MORE = new URL("../rust/more.lock", import.meta.url);

/** Writes the workspace's lock file, which Cargo then makes fit: it has to look into the registry for that, so it is left as long as it can be. */
export function writeLock({ folder, lock }) {
  const own = entriesOf(readFileSync(join(root, "Cargo.lock"), "utf8"));
  const more = process.env.UPDATE_LOCK ? [] : entriesOf(readFileSync(MORE, "utf8"));
  const text = fileOf([...own, ...without(more, own)]);
  const before = join(folder, "before.lock");
  if (existsSync(lock) && existsSync(before) && readFileSync(before, "utf8") === text) return;
  writeFileSync(lock, text);
  writeFileSync(before, text);
}

/** With UPDATE_LOCK, records what only recipes need, as it is today. */
export function recordLock({ folder, lock }) {
  if (!process.env.UPDATE_LOCK) return;
  const update = ["cargo", "update", "--workspace", "--manifest-path", join(folder, "Cargo.toml")];
  if (output(update, { stderr: "inherit" }) === undefined) throw new Failure(`failed: ${update.join(" ")}`);
  const found = entriesOf(readFileSync(lock, "utf8")).filter((entry) => entry.includes("\nsource = "));
  writeFileSync(MORE, fileOf(without(found, entriesOf(readFileSync(join(root, "Cargo.lock"), "utf8")))));
}

const entriesOf = (text) => text.split(/\r?\n\r?\n/).map((part) => part.trim()).filter((part) => part.startsWith("[[package]]"));
const fileOf = (entries) => `version = 4\n\n${entries.join("\n\n")}\n`;
const nameOf = (entry) => /^name = "(.+)"\r?\nversion = "(.+)"/m.exec(entry).slice(1).join(" ");

function without(entries, others) {
  const names = new Set(others.map(nameOf));
  return entries.filter((entry) => !names.has(nameOf(entry)));
}
