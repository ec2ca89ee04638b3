// `node bench/js/run.mjs [--json <file>] [--rounds <n>] [works…]`: what the npm package costs beside its peers, and
// beside what one would write by hand. Each contender has a process of its own; they are measured in turn, round
// after round, so that a busy machine is as busy for all. Needs dist/ (`npm run build`) and the packages of this
// folder (`npm ci --prefix bench/js`).

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { inChromium, startsInChromium } from "./chromium.mjs";
import { contenders } from "./contenders.mjs";
import { inNode, startsInNode } from "./node.mjs";
import { median, table } from "./report.mjs";

const CHUNKS = 20_000;
const STREAMERS = ["raw", "eventsource-parser", "lockkeeper", "openai 6", "openai 7", "Vercel AI", "liter-llm"];
const CALLERS = Object.keys(contenders).filter((name) => name !== "eventsource-parser");
const STARTERS = ["lockkeeper", "openai 6", "openai 7", "Vercel AI", "liter-llm"];
const KIB = 1024;

const works = {
  requests: {
    title: "Node, CPU of a request over `fetch` and `JSON.parse`, 64 at once (µs)",
    names: CALLERS,
    measure: (names, rounds) => inNode(names, rounds, { work: "requests", count: 2_000, atOnce: 64 }, { warmUps: 3 }),
    figure: (value, raw) => value - raw,
  },
  stream: {
    title: "Node, CPU of a chunk beside the loop by hand (that one: µs)",
    names: STREAMERS,
    measure: (names, rounds) => inNode(names, rounds, { work: "stream", model: `stream-${CHUNKS}`, chunks: CHUNKS }, { warmUps: 3 }),
    figure: (value, raw) => value / raw,
  },
  trickle: {
    title: "Node, CPU of a chunk that was written alone, beside the loop by hand (that one: µs)",
    names: STREAMERS,
    measure: (names, rounds) => inNode(names, rounds, { work: "stream", model: `stream-${CHUNKS}-by-1`, chunks: CHUNKS }, { warmUps: 3 }),
    figure: (value, raw) => value / raw,
  },
  page: {
    title: "Chromium, CPU of a chunk beside the loop by hand (that one: µs)",
    // liter-llm fails here: Chromium hands on more at once than the 1 MiB that it takes.
    names: STREAMERS.filter((name) => name !== "liter-llm"),
    measure: (names, rounds) => inChromium(names, rounds, { work: "stream", model: `stream-${CHUNKS}`, chunks: CHUNKS }, { warmUps: 3 }),
    figure: (value, raw) => value / raw,
  },
  memory: {
    title: "Node, memory of an open idle stream, 1,000 at once, beside `fetch` (that one: KiB)",
    names: STREAMERS,
    measure: (names, rounds) => inNode(names, rounds, { work: "idle", count: 1_000 }, { afresh: true, flags: ["--expose-gc"] }),
    figure: (value, raw) => value / raw,
    unit: KIB,
  },
  start: {
    title: "Node, from import to ready (ms)",
    names: STARTERS,
    measure: startsInNode,
  },
  "start-page": {
    title: "Chromium, from import to ready (ms)",
    names: STARTERS,
    measure: startsInChromium,
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" }, rounds: { type: "string", default: "9" }, only: { type: "string" } },
});
const rounds = Number(values.rounds);
const found = {};
for (const name of positionals.length ? positionals : Object.keys(works)) {
  const { title, names, measure, figure = (value) => value, unit = 1 } = works[name];
  const chosen = names.filter((one) => one === "raw" || !values.only || values.only.split(",").includes(one));
  const taken = await measure(chosen, rounds); // a list of rounds, each a value for each name
  const figures = chosen.map((one, i) => {
    const of = (round) => (one === "raw" ? round[i] / unit : figure(round[i], round[0]));
    const all = taken.map(of).sort((a, b) => a - b);
    return { name: one, median: median(all), least: all[0], most: all.at(-1) };
  });
  found[name] = { title, figures };
  console.log(table(title, figures));
}
if (values.json) {
  const machine = { node: process.version, cpu: cpus()[0].model, cores: cpus().length };
  writeFileSync(values.json, `${JSON.stringify({ machine, rounds, works: found }, undefined, 2)}\n`);
}
