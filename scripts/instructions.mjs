// Counts the instructions of the core's parts (benches/instructions) with callgrind, and compares them with the
// recorded ones. A count does not depend on how busy the machine is, nor on how fast.

import { delimiter, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Baseline } from "./baseline.mjs";
import { Failure, main, run } from "./run.mjs";
import { ensureCompiler, ensureValgrind, gungraunRunner } from "./toolchain.mjs";

const baseline = new Baseline({
  file: "benches/instructions/baseline.json",
  // The compiler is pinned and so are its flags, but not libc: how it allocates and copies differs a little.
  tolerance: 0.03,
  show: (instructions) => instructions.toLocaleString("en"),
});

// Other processors have other instructions, and Valgrind runs on few other systems.
const isCounted = process.platform === "linux" && process.arch === "x64";
const WHY_NOT = "recorded for Linux on x86-64, which this is not";

/** The instructions of each part, by its name. */
async function count() {
  await ensureCompiler();
  await ensureValgrind();
  const tools = [dirname(await gungraunRunner()), process.env.PATH].join(delimiter);
  const command = ["cargo", "bench", "--locked", "-p", "lockkeeper-instructions", "--", "--output-format=json"];
  console.log(`$ ${command.join(" ")}`);
  const found = {};
  const note = (line) => Object.assign(found, ofSummary(JSON.parse(line)));
  // Flags of the caller's own would make other code.
  const env = { PATH: tools, CARGO_ENCODED_RUSTFLAGS: "" };
  const code = await run(command, { env, onLine: note, quiet: true });
  if (code !== 0) throw new Failure("the instructions could not be counted", code);
  return found;
}

/** What the summary of one bench says. */
function ofSummary({ function_name: name, id, profiles: [{ data }] }) {
  return { [`${name} ${id}`.replaceAll("_", " ")]: data.total.metrics.Ir.values.new };
}

/** Counts and compares, or says why not here. */
export async function checkInstructions() {
  if (!isCounted) return WHY_NOT;
  baseline.compare(await count());
}

/** Counts and records. */
export async function recordInstructions() {
  if (!isCounted) throw new Failure(WHY_NOT);
  baseline.record(await count());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(checkInstructions);
