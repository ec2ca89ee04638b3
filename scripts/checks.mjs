// What the core depends on, which no ready-made tool checks.

import { Failure, mustPrint } from "./run.mjs";
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
