// `npm start [-- arguments]`: builds the demonstration and runs it, with the arguments passed through.

import { interruption, main, run } from "./run.mjs";
import { ensureCompiler } from "./toolchain.mjs";

main(async () => {
  await ensureCompiler();
  // Built by itself first, so that the progress shows and the run can be quiet.
  const built = await run(["cargo", "build", "--locked", "--example", "demo"]);
  if (built !== 0) return interruption() ?? built;
  return run(["cargo", "run", "--quiet", "--locked", "--example", "demo", "--", ...process.argv.slice(2)], { stdin: "inherit" });
});
