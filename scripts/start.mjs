// `npm start`: builds the package, and serves a page that uses it beside an embedded provider.
// `npm start -- arguments`: builds the demonstration for the terminal and runs it, with the arguments passed through.

import { interruption, main, run } from "./run.mjs";
import { ensureCompiler } from "./toolchain.mjs";

const PAGE = [
  [process.execPath, "scripts/build.mjs"],
  ["cargo", "build", "--locked", "-p", "mock-provider"],
  [process.execPath, "scripts/page.mjs"],
];

const demonstration = (args) => [
  // Built by itself first, so that the progress shows and the run can be quiet.
  ["cargo", "build", "--locked", "--example", "demo"],
  ["cargo", "run", "--quiet", "--locked", "--example", "demo", "--", ...args],
];

main(async () => {
  await ensureCompiler();
  const args = process.argv.slice(2);
  for (const command of args.length > 0 ? demonstration(args) : PAGE) {
    const exitCode = await run(command, { stdin: "inherit" });
    if (exitCode !== 0) return interruption() ?? exitCode;
  }
  return 0;
});
