// Rust: fragments are doctests, recipes are built, to be run by others.

import { placeOf } from "../parts/pages.mjs";
import { cargo } from "../parts/rust.mjs";

const MEANT = ["rust", "no_run"];

export async function test({ pages, workspace }) {
  const blocks = pages.flatMap((page) => page.blocks).filter(({ language }) => language === "rust");
  const skipped = blocks.filter(({ words }) => words.some((word) => !MEANT.includes(word)));
  const hiding = blocks.filter(({ code }) => /^# /m.test(code)); // for rustdoc; GitHub shows such lines
  return [
    { name: "no block is left out", problem: skipped.map((block) => `${placeOf(block)}: ${block.words}`).join("\n") },
    { name: "and none has lines that only rustdoc hides", problem: hiding.map(placeOf).join("\n") },
    { name: `${workspace.programs} recipes are built`, problem: await exit(cargo(workspace, "build", "--workspace", "--exclude", "pages")) },
    { name: "all other blocks are compiled", problem: await exit(cargo(workspace, "test", "--quiet", "-p", "pages", "--doc")) },
  ];
}

const exit = async (code) => ((await code) === 0 ? "" : "Cargo says above what is wrong");
