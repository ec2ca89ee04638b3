// The goals, and how today's figures stand to them. What each is measured by, is the practical limit: what one would
// write by hand for one provider.

const OURS = "lockkeeper";
/** Other ways to read the library's own streams, and what is written by hand: neither is a peer. */
const isPeer = ({ name }, limit) => !name.startsWith(OURS) && name !== limit;

/** A figure of the native program's: a ratio to the first contender. */
const native = (id, work, goal, { atMost = true, absolute = false } = {}) => ({
  work,
  goal: `${atMost ? "≤" : "≥"} ${absolute ? goal.toLocaleString("en") : `${goal} ×`}`,
  read({ native }) {
    const outcome = native?.outcomes.find((outcome) => outcome.id === id);
    if (!outcome) return undefined;
    const [limit] = outcome.contenders;
    const of = (one) => (absolute ? one.median : one.ratio);
    const ours = of(outcome.contenders.find((one) => one.name === OURS));
    const peers = outcome.contenders.filter((one) => isPeer(one, limit.name)).map((one) => `${one.name} ${digits(of(one))}`);
    const isMet = atMost ? ours <= goal : ours >= goal;
    const by = absolute ? "–" : `${limit.name}: ${digits(limit.median)} ${outcome.unit}`;
    return { ours: absolute ? Math.round(ours).toLocaleString("en") : digits(ours), isMet, limit: by, peers };
  },
});

/** A figure of the JavaScript program's, which is what its title says. */
const javaScript = (id, work, goal, unit) => ({
  work,
  goal: `≤ ${goal} ${unit}`,
  read({ js }) {
    const found = js?.works[id];
    if (!found) return undefined;
    const raw = found.figures.find((one) => one.name === "raw");
    const ours = found.figures.find((one) => one.name === OURS).median;
    const peers = found.figures.filter((one) => isPeer(one, "raw")).map((one) => `${one.name} ${digits(one.median)}`);
    return { ours: digits(ours), isMet: ours <= goal, limit: raw ? `by hand: ${digits(raw.median)}` : "–", peers };
  },
});

const ROWS = [
  native("stream", "native stream, CPU for each typed chunk", 1),
  native("requests", "native, 64 requests at once, requests a second", 0.95, { atMost: false }),
  native("requests-cpu", "the same, requests for each second of CPU", 0.95, { atMost: false }),
  javaScript("requests", "Node, CPU of a request over `fetch` and `JSON.parse`, 64 at once", 100, "µs"),
  javaScript("stream", "Node, stream, CPU for each chunk", 1.1, "×"),
  javaScript("page", "Chromium, stream, CPU for each chunk", 1.1, "×"),
  native("bucket", "bucket `try_acquire`, clock included, one thread", 2.5),
  native("bucket-2", "bucket `try_acquire`, clock included, two threads", 2),
  native("bucket-frozen", "bucket `try_acquire`, without the clock", 1),
  native("pool-16", "pool lease + release, 16 keys, with health and rotation", 1.5),
  native("pool-1000", "pool lease + release, 1,000 keys, with health and rotation", 1.5),
  native("idle", "memory of an open idle stream, 5,000 at once, native", 1.15),
  javaScript("memory", "memory of an open idle stream, 1,000 at once, Node", 1.03, "×"),
  javaScript("start", "first use in Node: import to ready", 10, "ms"),
  javaScript("start-page", "first use in Chromium: import to ready", 30, "ms"),
  native("simulation", "simulation, virtual calls a second on one core", 100_000, { atMost: false, absolute: true }),
];

export const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

/** The rows of the table, with what was measured; of the rest, their names. */
export function standings(figures) {
  const rows = ROWS.map((row) => ({ ...row, found: row.read(figures) }));
  return { measured: rows.filter((row) => row.found), missing: rows.filter((row) => !row.found).map((row) => row.work) };
}
