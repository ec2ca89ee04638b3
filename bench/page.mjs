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

- **64 requests at once, natively.** A chat is some 24,000 instructions over a transport in memory (\`npm test\` gates
  it), and over reqwest 7,000 more than the 70,000 by hand. What it allocates counts for more than that: a block of
  more than 1 KiB, or one that is made larger, takes a lock of glibc's that the threads share. With smaller blocks, room
  made at once and nothing copied that requests have in common, a chat went from 44 blocks to 32, and from 0.76 to what
  the table says. What is left lies flat.
- **A request in Node.** With a \`fetch\` that answers at once it takes 20 µs: the engine, JSON, and 5 of them the stack that
  names the caller. Beside the host's \`fetch\` the same work takes several times as long, as both want the processor's
  caches; and the \`AbortController\`, without which no request can be ended, costs 20 to 30 µs within that \`fetch\`.
- **Idle streams in Node.** Each has what \`fetch\` has, and besides the controller that \`fetch\` listens to (1 KiB), the
  objects of the stream and of its reader, and the engine's part in the wasm's memory.
- **Import.** In Node 3 ms are the compiling of the binary (inlined as base64, which Node reads by itself), 3 the
  loading of 65 KB of JavaScript, 3 the first client, for which V8 compiles 280 functions one by one. In Chromium the
  text that the binary is inlined as is decoded by a little wasm of its own, in half the time of a loop in JavaScript.
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
