// The checks that no ready-made tool makes: what the core depends on, and what the published archive holds.

import { Failure, output } from "./run.mjs";
import { WASM } from "./toolchain.mjs";

const BARE = ["cargo", "tree", "--locked", "-p", "lockkeeper", "--no-default-features", "-e", "normal"];

/** Without its default features the library brings neither tokio nor reqwest, natively and on wasm32. */
export function checkBareDependencies() {
  // Not `--target all`: wasm-bindgen names tokio for a kind of wasm with threads that nobody runs.
  for (const target of [[], ["--target", WASM]]) {
    const tree = mustPrint([...BARE, ...target, "--prefix", "none"]);
    const names = [...new Set([...tree.matchAll(/^((?:tokio|reqwest)\S*) v\S+/gm)].map((match) => match[1]))];
    if (names.length > 0) {
      const paths = names.map((name) => mustPrint([...BARE, ...target, "--invert", name]));
      throw new Failure(`${names.join(" and ")} must not be needed without default features:\n${paths.join("\n")}`);
    }
  }
  console.log("neither tokio nor reqwest");
}

const WANTED = [
  /^src\/[\w/-]+\.rs$/,
  /^src\/shared_state\/redis\.lua$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE-(MIT|APACHE)$/,
  /^provider\.schema\.json$/,
  /^Cargo\.(toml|toml\.orig|lock)$/, // these and the next are cargo's own
  /^\.cargo_vcs_info\.json$/,
];
const REQUIRED = ["src/lib.rs", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "provider.schema.json"];

/** The archive for the registry holds what users need, and nothing else. */
export function checkArchive() {
  const files = mustPrint(["cargo", "package", "--locked", "-p", "lockkeeper", "--allow-dirty", "--list"]).trim().split(/\r?\n/);
  const paths = files.map((file) => file.replaceAll("\\", "/"));
  const stray = paths.filter((path) => !WANTED.some((pattern) => pattern.test(path)));
  const missing = REQUIRED.filter((path) => !paths.includes(path));
  if (stray.length) throw new Failure(`not to be published: ${stray.join(", ")}`);
  if (missing.length) throw new Failure(`missing from the archive: ${missing.join(", ")}`);
  console.log(`${paths.length} files`);
}

/** The output of a command that has to succeed. */
function mustPrint(command) {
  console.log(`$ ${command.join(" ")}`);
  const text = output(command, { stderr: "inherit" });
  if (text === undefined) throw new Failure(`failed: ${command.join(" ")}`);
  return text;
}
