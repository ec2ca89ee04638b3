// `npm start`: builds the package, and serves a page that uses it beside an embedded provider.
// `npm start -- arguments`: builds the demonstration for the terminal and runs it, with the arguments passed through.

import { interruption, main, run } from "./run.mjs";
import { ensureCompiler } from "./toolchain.mjs";

// At once: the one compiles for browsers, the other for this machine, and neither keeps two processors busy. What is
// compiled for browsers takes longer, and shows.
const PARTS_OF_PAGE = [
  [process.execPath, "scripts/build.mjs"],
  ["cargo", "build", "--quiet", "--locked", "-p", "mock-provider"],
];
const PAGE = [process.execPath, "scripts/page.mjs"];

const demonstration = (args) => [
  // Built by itself first, so that the progress shows and the run can be quiet.
  ["cargo", "build", "--locked", "--example", "demo"],
  ["cargo", "run", "--quiet", "--locked", "--example", "demo", "--", ...args],
];

main(async () => {
  await ensureCompiler();
  const args = process.argv.slice(2);
  if (args.length > 0) return allOf(demonstration(args));
  const exitCodes = await Promise.all(PARTS_OF_PAGE.map((command) => run(command)));
  return interruption() ?? (exitCodes.find((exitCode) => exitCode !== 0) || allOf([PAGE]));
});

/** Runs one after the other, up to the first that fails. */
async function allOf(commands) {
  for (const command of commands) {
    const exitCode = await run(command, { stdin: "inherit" });
    if (exitCode !== 0) return interruption() ?? exitCode;
  }
  return 0;
}
