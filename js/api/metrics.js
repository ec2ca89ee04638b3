// What clients count, as the text that Prometheus scrapes (exposition format 0.0.4). The metrics are those of
// src/metrics.rs, word for word.

/** A sample of each of these values, whose names stand in one label. */
const named = (label, values, more) => Object.entries(values).map(([name, value]) => [{ ...more, [label]: name }, value]);

const waits = (field) => (stats) => Object.entries(stats.waitsFor).map(([reason, { [field]: value }]) => [{ reason }, value]);
const ended = ({ succeeded, failed, cancelled }) => ({ succeeded, failed, cancelled });
const tokens = ({ inputTokens: input, outputTokens: output }) => ({ input, output });
const all = (value) => [[{}, value]];

/** A metric of keys, by what one key has of it. */
const ofKeys = (samples) => (stats) => stats.keys.flatMap((key) => samples(key, { key: key.label }));

const quantiles = (field) =>
  ofKeys(({ [field]: known }, key) => {
    if (!known) return [];
    const { count, sum, p50, p95, p99 } = known;
    return [...named("quantile", { 0.5: p50, 0.95: p95, 0.99: p99 }, key), [key, sum, "_sum"], [key, count, "_count"]];
  });

const [COUNTER, GAUGE, SUMMARY] = ["counter", "gauge", "summary"];

/** Name, kind, help, and the samples of a client: labels, value, what comes after the name. */
const METRICS = [
  ["calls_total", COUNTER, "Calls that have ended, by outcome.", (stats) => named("outcome", ended(stats))],
  ["calls_in_flight", GAUGE, "Calls under way.", (stats) => all(Object.values(ended(stats)).reduce((left, count) => left - count, stats.calls))],
  ["attempts_total", COUNTER, "Attempts sent.", (stats) => all(stats.attempts)],
  ["waits_total", COUNTER, "Waits of calls, by what for.", waits("count")],
  ["wait_seconds_total", COUNTER, "Time that calls have waited, by what for.", waits("time")],
  ["llm_tokens_total", COUNTER, "LLM tokens sent and received.", (stats) => named("direction", tokens(stats))],
  ["bucket_capacity", GAUGE, "The most bucket tokens that it holds.", ({ bucket }) => all(bucket.capacity)],
  ["bucket_refill_rate", GAUGE, "Bucket tokens gained per second.", ({ bucket }) => all(bucket.refillRate)],
  ["bucket_tokens", GAUGE, "Bucket tokens there now.", ({ bucket }) => all(bucket.tokens)],
  ["bucket_waiters", GAUGE, "Calls in line for a bucket token.", ({ bucket }) => all(bucket.waiters)],
  ["bucket_waits_total", COUNTER, "Takers that had to stand in line.", ({ bucket }) => all(bucket.waits)],
  ["key_state", GAUGE, "1 for the state that a key is in.", ofKeys(({ state }, key) => ["ready", "cooling", "exhausted", "dead"].map((one) => [{ ...key, state: one }, +(one === state)]))],
  ["key_rest_seconds", GAUGE, "How long a key still rests.", ofKeys(({ restsFor = 0 }, key) => [[key, restsFor]])],
  ["key_in_flight", GAUGE, "Requests under way on a key.", ofKeys(({ inFlight }, key) => [[key, inFlight]])],
  ["key_attempts_total", COUNTER, "Attempts of a key that have ended, by outcome.", ofKeys(({ succeeded, failed, rateLimited: rate_limited, cancelled }, key) => named("outcome", { succeeded, failed, rate_limited, cancelled }, key))],
  ["key_failures_total", COUNTER, "Failed attempts of a key, by error kind.", ofKeys(({ failures }, key) => named("kind", failures, key))],
  ["key_llm_tokens_total", COUNTER, "LLM tokens sent and received with a key.", ofKeys((status, key) => named("direction", tokens(status), key))],
  ["key_latency_seconds", SUMMARY, "From sending to the end of the answer.", quantiles("latency")],
  ["key_first_token_seconds", SUMMARY, "From sending to a stream's first token.", quantiles("firstToken")],
];

/** The metrics of several clients in one text: each metric is described once. */
export function metricsText(clients) {
  const known = {};
  const of = [...clients].map((client) => {
    const stats = client.stats();
    const { provider, model } = stats;
    const name = JSON.stringify([provider, model]);
    known[name] = (known[name] ?? 0) + 1;
    return [stats, { provider, model, ...(known[name] > 1 && { client: known[name] }) }];
  });
  const lines = METRICS.flatMap(([name, kind, help, samples]) => {
    const metric = `lockkeeper_${name}`;
    const line = (labels, [own, value, suffix = ""]) => `${metric}${suffix}{${labelsOf({ ...labels, ...own })}} ${value}`;
    return [`# HELP ${metric} ${help}`, `# TYPE ${metric} ${kind}`, ...of.flatMap(([stats, labels]) => samples(stats).map((sample) => line(labels, sample)))];
  });
  return `${lines.join("\n")}\n`;
}

const ESCAPED = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

const labelsOf = (labels) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${String(value).replace(/[\\"\n]/g, (c) => ESCAPED[c])}"`)
    .join();
