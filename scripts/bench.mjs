// `npm run bench`: the library beside its peers and beside what one would write by hand, natively and in JavaScript;
// prints how it stands to the goals, and writes docs/performance.md. `npm run bench -- --help`.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { standings } from "../bench/goals.mjs";
import { page } from "../bench/page.mjs";
import { build } from "./build.mjs";
import { Failure, main, output, root, run } from "./run.mjs";
import { ensureCompiler } from "./toolchain.mjs";

const USAGE = `\
usage: npm run bench -- [options]

  --only native   or js: one of the two; nothing is written then
  --rounds N      how often everybody takes a turn (default: 9)
  --help          show this`;

const NATIVE = ["--locked", "--release", "--manifest-path", "bench/Cargo.toml"];
const PEERS = ["async-openai", "genai", "rig-core", "liter-llm", "eventsource-stream", "governor", "leaky-bucket", "reqwest", "serde_json", "tokio"];
// A proxy would stand between the clients and their server.
const NO_PROXY = { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };

function options() {
  const text = { type: "string" };
  try {
    const { values } = parseArgs({ options: { only: text, rounds: { ...text, default: "9" }, help: { type: "boolean" } } });
    if (!["native", "js", undefined].includes(values.only)) throw new Error("--only takes native or js");
    if (!/^[1-9]\d*$/.test(values.rounds)) throw new Error("--rounds takes a number above 0");
    return values;
  } catch (error) {
    throw new Failure(`${error.message}\n\n${USAGE}`, 2);
  }
}

/** Runs a command that has to succeed. */
async function mustRun(command, settings) {
  const exitCode = await run(command, settings);
  if (exitCode !== 0) throw new Failure(`failed: ${command.join(" ")}`, exitCode);
}

const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

async function benchNative(rounds, folder, plots) {
  await mustRun(["cargo", "build", ...NATIVE]);
  const file = join(folder, "native.json");
  await mustRun(["cargo", "run", "--quiet", ...NATIVE, "--", "--rounds", rounds, "--json", file, "--plots", plots], { env: NO_PROXY });
  return readJson(file);
}

async function benchJavaScript(rounds, folder) {
  await build();
  await mustRun(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", "bench/js"]);
  const file = join(folder, "js.json");
  await mustRun([process.execPath, "bench/js/run.mjs", "--rounds", rounds, "--json", file], { env: NO_PROXY });
  return readJson(file);
}

/** What the figures depend on. */
function versions() {
  const lock = readFileSync(join(root, "bench/Cargo.lock"), "utf8");
  const locked = (name) => new RegExp(`name = "${name}"\\r?\\nversion = "(.+)"`).exec(lock)[1];
  const scripts = join(root, "bench/js/package.json");
  const packages = existsSync(scripts) ? Object.entries(readJson(scripts).dependencies ?? readJson(scripts).devDependencies) : [];
  return {
    machine: `${cpus().length} × ${cpus()[0].model}, ${type()} ${release()}`,
    lockkeeper: `${readJson(join(root, "package.json")).version} at ${output(["git", "describe", "--always", "--dirty"])?.trim() ?? "no commit"}`,
    Rust: output(["rustc", "--version"]).trim(),
    Node: process.version,
    ...Object.fromEntries(PEERS.map((name) => [name, locked(name)])),
    ...Object.fromEntries(packages.map(([name, version]) => [`${name} (npm)`, version.replace(/^npm:/, "")])),
  };
}

/** How the library stands to the goals, for the terminal. */
function print(figures) {
  console.log("\nGoals");
  for (const { work, goal, found } of standings(figures).measured) {
    console.log(`  ${found.isMet ? "met   " : "MISSED"}  ${found.ours.padStart(8)}  ${goal.padEnd(11)}  ${work}`);
  }
}

main(async () => {
  const { help, only, rounds } = options();
  if (help) return console.log(USAGE);
  await ensureCompiler();
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
  try {
    const native = only === "js" ? undefined : await benchNative(rounds, folder, only ? folder : "docs/performance");
    const js = only === "native" || !existsSync(join(root, "bench/js/run.mjs")) ? undefined : await benchJavaScript(rounds, folder);
    print({ native, js });
    if (!only) writeFileSync(join(root, "docs/performance.md"), page({ native, js }, { command: `npm run bench -- --rounds ${rounds}`, versions: versions() }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
