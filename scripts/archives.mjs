// What is published: that the archives hold what users need and nothing else, and that the crates build and pass their
// tests from them. The npm package's is unpacked and run by tests/package.

import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { targetDirectory } from "./build.mjs";
import { Failure, mustPrint, output, root } from "./run.mjs";
import { runCommand } from "./steps.mjs";

// Cargo's own, and what both crates have.
const CARGO = [/^Cargo\.(toml|toml\.orig|lock)$/, /^\.cargo_vcs_info\.json$/, /^README\.md$/, /^LICENSE-(MIT|APACHE)$/, /^src\/[\w/-]+\.rs$/];
const CRATES = {
  "lockkeeper-macros": { wanted: CARGO, required: ["src/lib.rs", "README.md", "LICENSE-MIT", "LICENSE-APACHE"] },
  lockkeeper: {
    wanted: [...CARGO, /^src\/shared_state\/redis\.lua$/, /^CHANGELOG\.md$/, /^provider\.schema\.json$/, /^tests\/functions\/cases\.json$/],
    required: ["src/lib.rs", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "provider.schema.json"],
  },
};
const NPM = {
  wanted: [/^dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts|wasm)$/, /^README(\.zh-CN)?\.md$/, /^CHANGELOG\.md$/, /^LICENSE-(MIT|APACHE)$/, /^package\.json$/, /^provider\.schema\.json$/],
  required: ["dist/index.d.ts", "dist/lockkeeper.wasm", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "package.json", "provider.schema.json"],
};

/** The archives for the registries hold what users need, and nothing else. */
export function checkArchives() {
  checkVersions();
  for (const [name, crate] of Object.entries(CRATES)) {
    const files = mustPrint(["cargo", "package", "--locked", "-p", name, "--allow-dirty", "--list"]).trim().split(/\r?\n/);
    checkFiles(`the crate ${name}`, files.map((file) => file.replaceAll("\\", "/")), crate);
  }
  const npm = ["npm", "pack", "--ignore-scripts", "--dry-run", "--json", "--silent"];
  const packed = JSON.parse(mustPrint(process.platform === "win32" ? ["cmd", "/c", ...npm] : npm));
  const [{ files }] = Array.isArray(packed) ? packed : Object.values(packed);
  checkFiles("the npm package", files.map(({ path }) => path), NPM);
}

/** What is published together has one version, and the changelog tells of it. */
function checkVersions() {
  const read = (path) => readFileSync(join(root, path), "utf8");
  const version = /^version = "(.+)"$/m.exec(read("Cargo.toml"))[1];
  const others = { "package.json": JSON.parse(read("package.json")).version, "CHANGELOG.md": /^## ([\d.]+)/m.exec(read("CHANGELOG.md"))?.[1] };
  const odd = Object.entries(others).filter(([, other]) => other !== version);
  if (odd.length) throw new Failure(`Cargo.toml has version ${version}, but ${odd.map(([path, other]) => `${path} ${other}`).join(" and ")}`);
}

function checkFiles(name, paths, { wanted, required }) {
  const stray = paths.filter((path) => !wanted.some((pattern) => pattern.test(path)));
  const missing = required.filter((path) => !paths.includes(path));
  if (stray.length) throw new Failure(`not to be published in ${name}: ${stray.join(", ")}`);
  if (missing.length) throw new Failure(`missing from ${name}: ${missing.join(", ")}`);
  console.log(`${name}: ${paths.length} files`);
}

/** Packs both crates, builds them from their archives as `cargo publish` does, and runs the library's tests from its own. */
export async function testArchives(count) {
  const names = Object.keys(CRATES);
  const code = await runCommand({ command: ["cargo", "package", "--locked", "--allow-dirty", ...names.flatMap((name) => ["-p", name])] }, count);
  if (code !== 0) return code;
  const folder = join(targetDirectory(), "from-archives");
  for (const name of names) unpack(name, join(folder, name));
  // A workspace of their own, or Cargo would find that of the checkout. Its profile is the same, so that what is compiled
  // already is not compiled again. The attributes are not in the registry yet.
  writeFileSync(join(folder, "Cargo.toml"), WORKSPACE);
  copyFileSync(join(folder, "lockkeeper", "Cargo.lock"), join(folder, "Cargo.lock"));
  // The fuzzer's corpus is 1,700 files, and stays in the repository.
  const place = ["--manifest-path", join(folder, "Cargo.toml"), "--target-dir", targetDirectory()];
  const tests = ["-p", "lockkeeper", "--features", "macros", "--no-fail-fast", "--", "--skip", "fuzzing::replay"];
  return runCommand({ command: ["cargo", "test", ...place, ...tests] }, count);
}

const WORKSPACE = `[workspace]
resolver = "3"
members = ["lockkeeper", "lockkeeper-macros"]

[patch.crates-io]
lockkeeper-macros = { path = "lockkeeper-macros" }

[profile.dev]
debug = "line-tables-only"
`;

/** What Cargo has unpacked to build it: the very files of the archive. They become new, or Cargo would take them for old. */
function unpack(name, folder) {
  const [, version] = /#(?:.*@)?([\d.]+)\s*$/.exec(output(["cargo", "pkgid", "--locked", "-p", name]));
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(targetDirectory(), "package", `${name}-${version}`), folder, { recursive: true });
}
