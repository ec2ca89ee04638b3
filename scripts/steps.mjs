// Runs named steps in order up to the first failure, then says what ran, for how long, and how many tests passed.

import { Failure, interruption, run } from "./run.mjs";

/**
 * Runs the steps, each `{ name, command, env }` or `{ name, run }`, and gives back the exit code. `run` is handed the
 * count, and gives back an exit code, or in words why the step can't be run here. `before` holds the counts of an
 * earlier run, to be added to the total.
 */
export async function runSteps(steps, before = { passed: 0, failed: 0, skipped: 0 }) {
  const count = { ...before };
  const results = [];
  for (const [i, step] of steps.entries()) {
    console.log(`\n[${i + 1}/${steps.length}] ${step.name}`);
    const result = await runStep(step, count);
    results.push(result);
    if (result.exitCode !== 0) break;
  }
  const last = results.at(-1);
  summarize(steps, results);
  // A check that fails, or tests that do not compile, print no count: they must not read as "0 failed".
  if (last.exitCode !== 0 && count.failed === 0) count.failed = 1;
  console.log(closingLine(count));
  return last.exitCode === 0 ? 0 : (interruption() ?? 1);
}

async function runStep(step, count) {
  const start = performance.now();
  let outcome;
  try {
    outcome = step.run ? ((await step.run(count)) ?? 0) : await runCommand(step, count);
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    outcome = error.exitCode ?? 1;
  }
  const skipped = typeof outcome === "string" ? outcome : undefined;
  return { skipped, exitCode: interruption() ?? (skipped ? 0 : outcome), seconds: (performance.now() - start) / 1000 };
}

/** Runs a command as a step does, and adds the tests that it ran to the count. */
export function runCommand({ command, env }, count) {
  const settings = Object.entries(env ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)} `);
  console.log(`$ ${settings.join("")}${command.join(" ")}`);
  // Cargo sees a pipe, not the terminal behind it.
  const color = process.stdout.isTTY && !process.env.NO_COLOR ? { CARGO_TERM_COLOR: "always" } : {};
  return run(command, { env: { ...color, ...env }, onLine: (line) => addTestResult(line, count) });
}

/** Adds what a line says that ends the run of one test program; all other lines say nothing. */
export function addTestResult(line, count) {
  const plain = line.replace(/\x1b\[[\d;]*m|\x1b\(B|\r/g, "");
  addNodeTestResult(plain, count);
  const [, passed, failed, ignored] = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/.exec(plain) ?? [];
  if (passed === undefined) return;
  count.passed += Number(passed);
  count.failed += Number(failed);
  count.skipped += Number(ignored);
}

const NODE_TEST = { pass: "passed", fail: "failed", cancelled: "failed", skipped: "skipped", todo: "skipped" };

/** Node's test runner ends with a line for each count. */
function addNodeTestResult(line, count) {
  const [, word, number] = /^(?:#|ℹ) (pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line) ?? [];
  if (word) count[NODE_TEST[word]] += Number(number);
}

function summarize(steps, results) {
  console.log("\nSummary");
  for (const [i, step] of steps.entries()) {
    const result = results[i];
    const time = result ? `${result.seconds.toFixed(1)} s` : "";
    const why = result?.skipped ? `: ${result.skipped}` : "";
    console.log(`  ${verdict(result).padEnd(8)}${time.padStart(9)}  ${step.name}${why}`);
  }
  const total = results.reduce((sum, result) => sum + result.seconds, 0);
  console.log(`  ${"total".padEnd(8)}${`${total.toFixed(1)} s`.padStart(9)}`);
}

function verdict(result) {
  if (!result) return "not run";
  if (result.skipped) return "skipped";
  if (result.exitCode === 0) return "ok";
  return interruption() ? "stopped" : "FAILED";
}

/** The line that ends every run, for people and for CI. */
function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}

/** The counts in the closing line of a run without failures, or undefined if it is none. */
export function readClosingLine(line) {
  const [, passed, skipped = 0] = /^(\d+) passed, 0 failed(?:, (\d+) skipped)?$/.exec(line.trim()) ?? [];
  return passed === undefined ? undefined : { passed: Number(passed), failed: 0, skipped: Number(skipped) };
}
