// Writes docs/performance.md from the figures of one run.

import { digits, standings } from "./goals.mjs";

const INTRO = `\
# Performance

What the library costs beside what one would write by hand, and beside its peers. \`npm run bench\` wrote this page;
change its words in \`bench/page.mjs\`.

\`\`\`sh
npm run bench                                    # all of it, and this page anew
npm run bench -- --only native                   # the native part, printed only
cargo run --release --manifest-path bench/Cargo.toml -- stream pool --rounds 15
\`\`\`
`;

const CAVEATS = `\
How to read them:

- All contenders of a work take turns in one run (A B C A B C …), and each ratio is the median of those
  of the rounds: what else the machine does happens to everybody.
- CPU is that of the client's process, in all its threads and in the kernel, by \`getrusage\`. The server is a process
  of its own, which only copies bytes that it has rendered once; loopback lies between.
- *By hand* is the practical limit: reqwest, split into lines, serde into a chunk with every field typed; no
  retries, no limits, no cancellation of its own. The library has four keys, a bucket and its retries on.
- A peer that reads less of a chunk, or keeps more of it, is compared all the same: it is what its users get.
- Requests a second by the clock depend on how the two processors are shared with the server; by the CPU
  that they take, less so.
- On two threads the bucket's figure is CPU for each call: a thread that sleeps on a lock costs little, and where others
  keep the machine busy the two seldom meet.
- The memory is the growth of the resident set, sockets' kernel memory not included, in a process for each contender.
`;

const MISSES = `\
## Where it misses its goals, and why

What callgrind and \`--cpu-prof\` show of the works that miss theirs:

- **64 requests at once, natively.** A chat is some 29,000 instructions over a transport in memory (\`npm test\` gates
  it), 40 % of them for the answer with all its fields, 9 % for the request; allocating and freeing is a quarter of all.
  Connections live on the caller's runtime where that has threads: that took a request from 20.6 to 18.3 µs, beside 16.3
  by hand; what keys learn of their limits has cost some of it again.
- **Idle streams.** What is kept is what a stream must know to end honestly: its call and clocks (0.9 KiB), the
  answer so far (0.7 KiB), the event that is open (0.5 KiB), the last chunk as a template (0.6 KiB), its future (0.5 KiB).
- **Node and Chromium.** Of streams, chunks are read by their likeness to the last, in JavaScript as in Rust. Of a request no part stands out any
  more: the stack that names the caller is 5 µs, the \`AbortController\` some more and 1 KiB, the rest lies flat over the
  wasm, which is built small (\`opt-level = 2\` would take 15 % off and add 12 KB). Of the import 3 ms are the compiling of the
  binary, 3 the start of Node's loader (the binary is inlined as base64, which Node
  reads by itself).
`;

/** The page's text. */
export function page(figures, surroundings) {
  const { measured, missing } = standings(figures);
  const rest = missing.length ? [`Not measured in this run: ${missing.join("; ")}.\n`] : [];
  return [
    INTRO,
    goals(measured),
    ...rest,
    MISSES,
    CAVEATS,
    machine(surroundings),
    growth(figures.native?.curves ?? []),
    everything(figures),
  ].join("\n");
}

function goals(measured) {
  const rows = measured.map(({ work, goal, found }) => [work, found.limit, found.peers.join("; ") || "–", goal, `**${found.ours}**${found.isMet ? "" : " (missed)"}`]);
  return table(["work", "practical limit = 1.0", "peers", "goal", "lockkeeper"], rows);
}

function machine({ command, versions }) {
  const rows = Object.entries(versions).map(([what, version]) => [what, version]);
  return `## The run\n\n\`${command}\`, with\n\n${table(["", "version"], rows)}`;
}

function growth(curves) {
  if (curves.length === 0) return "";
  const rows = curves.flatMap(({ title, of, expected, fittedFrom, lines }) =>
    lines.map(({ name, points, exponent }, i) => {
      const [first, last] = [points[0], points.at(-1)].map(([x, y]) => `${x.toLocaleString("en")}: ${digits(y)}`);
      return [title, of, name, `${first} → ${last}`, i === 0 ? expected : "–", `n^${exponent.toFixed(2)} from ${fittedFrom.toLocaleString("en")} on`];
    }),
  );
  const plots = curves.map(({ id, title }) => `![${title}](performance/${id}.svg)`);
  const head = ["what", "more of", "who", "first and last", "expected", "measured"];
  return `## How cost grows\n\nThe expected order is of each call, caller, chunk, stream or answer.\n\n${table(head, rows)}\n${plots.join("\n\n")}\n`;
}

function everything({ native, js }) {
  const natives = (native?.outcomes ?? []).map(({ title, unit, rounds, contenders }) => {
    const rows = contenders.map(({ name, median, ratio, least, most }) => [name, digits(median), digits(ratio), `${digits(least)} to ${digits(most)}`]);
    return `${title}, median of ${rounds} rounds:\n\n${table(["", unit, "ratio", "range"], rows)}`;
  });
  const scripts = Object.values(js?.works ?? {}).map(({ title, figures }) => {
    const rows = figures.map(({ name, median, least, most }) => [name, digits(median), `${digits(least)} to ${digits(most)}`]);
    return `${title}, median of ${js.rounds} rounds:\n\n${table(["", "", "range"], rows)}`;
  });
  return `## All figures\n\n${[...natives, ...scripts].join("\n")}`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}
