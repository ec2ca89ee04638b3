// `npm run soak`: thousands of streams at once through the library, natively and in Node, against a provider that
// misbehaves; prints a report, and fails if anything is lost, hangs or leaks. `npm run soak -- --help`.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { conditions, figuresOf } from "../tests/soak/judge.mjs";
import { planned } from "../tests/soak/plan.mjs";
import { startProvider } from "../tests/soak/provider.mjs";
import { report } from "../tests/soak/report.mjs";
import { build } from "./build.mjs";
import { Failure, main, run } from "./run.mjs";

const USAGE = `\
usage: npm run soak -- [options]

  --seconds N        for how long calls begin (default: 120)
  --streams N        how many streams are open at once natively (default: 5000)
  --node-streams N   and how many in Node (default: a fifth of that)
  --seed N           who cancels and what goes wrong (default: 1)
  --only native      or node: one of the two
  --help             show this`;

const RELEASE = ["--quiet", "--locked", "--release"];
const CLIENTS = {
  native: ["cargo", "run", ...RELEASE, "--example", "soak", "--"],
  node: [process.execPath, "--expose-gc", "tests/soak/node.mjs"],
};

function options() {
  const number = (name, fallback) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (!(Number.isFinite(value) && value > 0)) throw new Failure(`--${name} takes a number above 0\n\n${USAGE}`, 2);
    return value;
  };
  const text = { type: "string" };
  const names = { seconds: text, streams: text, "node-streams": text, seed: text, only: text, help: { type: "boolean" } };
  let values;
  try {
    ({ values } = parseArgs({ options: names }));
  } catch (error) {
    throw new Failure(`${error.message}\n\n${USAGE}`, 2);
  }
  const only = values.only === undefined ? Object.keys(CLIENTS) : [values.only];
  if (!only.every((name) => name in CLIENTS)) throw new Failure(`--only takes native or node\n\n${USAGE}`, 2);
  const streams = number("streams", 5000);
  const atOnce = { native: streams, node: number("node-streams", Math.ceil(streams / 5)) };
  return { help: values.help, clients: only, atOnce, seconds: number("seconds", 120), seed: number("seed", 1) };
}

/** Builds it all beforehand: whoever is measured should find the machine at rest. */
async function buildAll(clients) {
  const packages = ["-p", "mock-provider", ...(clients.includes("native") ? ["-p", "lockkeeper", "--example", "soak", "--bins"] : [])];
  const exitCode = await run(["cargo", "build", "--locked", "--release", ...packages]);
  if (exitCode !== 0) throw new Failure("the native programs do not build");
  if (clients.includes("node")) await build();
}

/** One client's run, judged and reported: whether all is well. */
async function soak(name, { seconds, seed, atOnce }) {
  const provider = await startProvider();
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-soak-"));
  try {
    const plan = planned({ client: name, seconds, seed, streams: atOnce[name] }, await provider.answers());
    await provider.prepare(plan);
    const [planFile, resultFile] = ["plan.json", "result.json"].map((file) => join(folder, file));
    writeFileSync(planFile, JSON.stringify({ ...plan.client, baseUrl: provider.baseUrl, controlUrl: new URL("/_control", provider.baseUrl) }));
    const { exitCode, open } = await watched(provider, run([...CLIENTS[name], planFile, resultFile]));
    if (exitCode !== 0) throw new Failure(`the ${name} client ended with exit code ${exitCode}`);
    const { requests } = await provider.control("log");
    const figures = figuresOf(plan, JSON.parse(readFileSync(resultFile, "utf8")), { requests, open });
    return report(name, plan, figures, conditions(plan, figures));
  } finally {
    provider.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Says now and then how many requests are open, until the client has ended. */
async function watched(provider, client) {
  const open = [];
  let exitCode;
  client = client.then((code) => (exitCode = code));
  for (let second = 1; exitCode === undefined; second += 1) {
    await Promise.race([client, sleep(1000)]);
    const overview = await provider.control();
    open.push(overview.open);
    if (second % 10 === 0) console.log(`  ${String(second).padStart(4)} s  ${overview.open} open, ${overview.requests} requests so far`);
  }
  return { exitCode, open };
}

main(async () => {
  const wish = options();
  if (wish.help) return console.log(USAGE);
  await buildAll(wish.clients);
  let isWell = true;
  for (const name of wish.clients) {
    console.log(`\n${name}, seed ${wish.seed}`);
    isWell = (await soak(name, wish)) && isWell;
  }
  return isWell ? 0 : 1;
});
