// `npm run fuzz` lets each fuzz target (fuzz/) run for a minute; `npm run fuzz -- 600 sse limits` these two for ten.
// What it finds to be new goes to target/fuzz; what breaks a property, to fuzz/artifacts.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, main, root, run } from "./run.mjs";
import { cargoFuzz, ensureNightly } from "./toolchain.mjs";

const LONGEST_INPUT = 1024; // bytes: all shapes fit, and runs stay fast
const SLOWEST_INPUT = 10; // seconds: more is a hang

const targets = readdirSync(join(root, "fuzz/fuzz_targets")).map((name) => name.replace(".rs", ""));

/** Runs targets one after the other, up to the first that breaks; gives back the exit code. */
export async function fuzz(seconds, chosen = targets) {
  await ensureNightly();
  const program = await cargoFuzz();
  for (const target of chosen) {
    const found = join("target/fuzz", target);
    mkdirSync(join(root, found), { recursive: true });
    const flags = [`-max_total_time=${seconds}`, `-max_len=${LONGEST_INPUT}`, `-timeout=${SLOWEST_INPUT}`, "-print_final_stats=1"];
    const dictionary = `-dict=fuzz/dictionaries/${target}.dict`;
    const command = [program, "run", target, found, `fuzz/corpus/${target}`, "--", ...flags, dictionary];
    console.log(`$ ${command.join(" ")}`);
    const code = await run(command, { env: { RUSTUP_TOOLCHAIN: "nightly" } });
    if (code !== 0) return code;
  }
  return 0;
}

function parse([seconds = "60", ...chosen]) {
  if (!(Number(seconds) > 0)) throw new Failure(`expected a number of seconds, not ${seconds}`, 2);
  const unknown = chosen.find((name) => !targets.includes(name));
  if (unknown) throw new Failure(`unknown: ${unknown}; the targets are ${targets.join(", ")}`, 2);
  return [Number(seconds), chosen.length ? chosen : targets];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(() => fuzz(...parse(process.argv.slice(2))));
