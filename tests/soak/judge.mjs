// Holds what the client and the provider say of a run against what must be true: figures, and conditions on them.

import { median, quantile, slope } from "./figures.mjs";

/** Faults after which an answer is whole nevertheless. */
const HARMLESS = new Set(["slow_headers", "slow_first_token", "comments", "no_done", "gzip"]);
const MEGABYTE = 1 << 20;
/**
 * What is measured of memory, and how much larger than before it may be: by a factor and some bytes. Allocators keep
 * what they were given, and not every moment has the same streams.
 */
const BREATH = {
  rss: { factor: 1.1, bytes: 4 * MEGABYTE },
  heap: { factor: 1.05, bytes: MEGABYTE },
  wasm: { factor: 1.1, bytes: MEGABYTE },
};
/** So many seconds may pass from taking a token to noting it, and from one clock to the other. */
const NOTED_WITHIN = 0.1;
/** Jain's index is 1 where all keys have the same share. */
const BALANCED = 0.98;

/** All figures of a run. */
export function figuresOf(plan, result, provider) {
  const { requests } = provider;
  const overview = result.provider;
  const { ends, samples, settled } = result;
  // All callers begin at once: at first they wait for the bucket.
  const steady = samples.filter(({ at }) => at >= plan.client.seconds / 4 && at < plan.client.seconds);
  return {
    begun: result.begun,
    answered: ends.answered,
    cancelled: ends.cancelled,
    failed: Object.fromEntries(Object.entries(ends.failed).map(([kind, calls]) => [kind, calls.length])),
    lost: ends.lost,
    hung: ends.hung,
    stats: result.stats,
    faults: tally(requests.filter(({ fault }) => fault).map(({ fault }) => fault.status ?? fault.kind)),
    requests: requests.length,
    settled,
    open: overview.open,
    idleConnections: overview.connections - overview.open - 1, // one of them asks
    accepted: overview.connections_accepted,
    peak: overview.peak_in_flight,
    // It was asked every second.
    openMost: median(provider.open.slice(plan.client.seconds / 4, plan.client.seconds)),
    queued: samples.filter(({ waiters }) => waiters > 0).length / samples.length,
    queue: median(steady.map(({ waiters }) => waiters)),
    keys: Object.values(tally(requests.map((request) => request.key_label))),
    ...bucketLaw(result.sent, requests, plan.client.settings),
    memory: memory(samples, plan.client.seconds),
    heapOfStream: median(steady.map(({ heap, inFlight }) => (heap - samples[0].heap) / inFlight)),
    work: work(samples, ends, requests, plan, result),
    firstToken: latency(result.firstToken),
    whole: latency(ends.seconds),
    ...crossChecked(ends, requests),
  };
}

function tally(things) {
  const counts = {};
  for (const thing of things) counts[thing] = (counts[thing] ?? 0) + 1;
  return counts;
}

const latency = (seconds) => ({ p50: quantile(seconds, 0.5), p99: quantile(seconds, 0.99) });

/**
 * The bucket's law as the client obeys it, by when it sends; as the provider sees it, which meets late requests together
 * with those that were sent after them; and the latest, by comparing the first arrival with the first attempt and so on.
 */
function bucketLaw(sent, requests, { capacity, refillRate }) {
  sent.sort((a, b) => a - b);
  const arrivals = requests.map(({ started_unix_ms }) => started_unix_ms / 1000).sort((a, b) => a - b);
  const beyond = (times) => Math.max(excess(times, capacity, refillRate), 0);
  const latest = arrivals.reduce((most, arrival, i) => Math.max(most, arrival - sent[i]), 0);
  return { bucket: { capacity, refillRate, sent: beyond(sent), seen: beyond(arrivals), latest } };
}

/** The most that any window of time holds beyond the law: at most `capacity + rate * t` in every window of `t` seconds. */
function excess(times, capacity, rate) {
  let least = Infinity;
  let most = -capacity;
  for (const [i, time] of times.entries()) {
    const spent = i - rate * time;
    least = Math.min(least, spent);
    most = Math.max(most, spent - least + 1 - capacity);
  }
  return most;
}

/** Jain's index of fairness. */
export function jain(shares) {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((squares, share) => squares + share ** 2, 0));
}

/** Each measure's median in the second and the last quarter of the load, and its slope from one to the other. */
function memory(samples, seconds) {
  const quarter = (n) => samples.filter(({ at }) => at >= ((n - 1) * seconds) / 4 && at < (n * seconds) / 4);
  const measures = Object.keys(BREATH).filter((measure) => samples.some((sample) => sample[measure] != null));
  return measures.map((measure) => {
    const of = (samples) => median(samples.map((sample) => sample[measure]));
    const later = samples.filter(({ at }) => at >= seconds / 4 && at < seconds);
    const perSecond = slope(later.map((sample) => [sample.at, sample[measure]]));
    return { measure, second: of(quarter(2)), last: of(quarter(4)), perMinute: perSecond * 60 };
  });
}

function work(samples, ends, requests, plan, result) {
  const [first, last] = [samples.find(({ at }) => at >= plan.client.seconds / 4), samples.findLast(({ at }) => at < plan.client.seconds)];
  const spent = result.settled.cpu && result.settled.cpu - samples[0].cpu;
  return {
    requestsPerSecond: requests.length / result.seconds,
    chunksPerSecond: ends.chunks / result.seconds,
    cores: first.cpu == null ? undefined : (last.cpu - first.cpu) / (last.at - first.at),
    microsecondsPerChunk: spent == null ? undefined : (spent / ends.chunks) * 1e6,
  };
}

/** Compares each call's end with the requests that the provider has seen of it. */
function crossChecked(ends, requests) {
  const calls = new Map();
  for (const request of requests) {
    const number = Number(/\d{6,}/.exec(request.body.messages[0].content)[0]);
    const call = calls.get(number) ?? { struck: false, whole: 0 };
    const harmless = !request.fault || HARMLESS.has(request.fault.kind);
    call.struck ||= Boolean(request.fault);
    call.whole += harmless && request.finished === "completed" ? 1 : 0;
    calls.set(number, call);
  }
  const failed = Object.values(ends.failed).flat();
  return {
    // Nothing was wrong with what the provider sent, or it had said it all.
    failedForNothing: failed.filter((number) => !calls.get(number)?.struck || calls.get(number).whole > 0),
    answeredTwice: [...calls].filter(([, { whole }]) => whole > 1).map(([number]) => number),
  };
}

/** What must be true of the figures: for each condition what it says, and whether it holds. */
export function conditions(plan, figures) {
  const { lost, hung, settled, stats, memory, bucket } = figures;
  const ended = figures.answered + figures.cancelled + sum(figures.failed) + lost.length + hung.length;
  const flat = ({ measure, second, last }) => last <= second * BREATH[measure].factor + BREATH[measure].bytes;
  const unseen = stats.attempts - figures.requests;
  return [
    [`${plan.streams} streams were open at once`, figures.peak >= plan.streams],
    ["callers waited at the bucket, a tenth of the time at least", figures.queued >= 0.1],
    ["some were cancelled, and some requests met a fault", figures.cancelled > 0 && sum(figures.faults) > 0],
    ["no text is lost", lost.length === 0],
    ["no call hangs", hung.length === 0],
    ["every call has one end", ended === figures.begun && stats.calls === figures.begun],
    ["the client counts the same ends", sameEnds(figures)],
    // A caller may lose interest before its request is out.
    ["the provider has seen every attempt, but for cancelled ones", unseen >= 0 && unseen <= figures.cancelled],
    ["no call fails without a fault of the provider's", figures.failedForNothing.length === 0],
    ["no call is answered twice", figures.answeredTwice.length === 0],
    ["no key is leased at the end", settled.inFlight === 0],
    ["nobody waits at the bucket at the end", settled.waiters === 0],
    ["the provider has no request under way at the end", figures.open === 0],
    ...memory.map((measured) => [`${measured.measure} is flat`, flat(measured)]),
    ["no window of time has more attempts than the bucket allows", bucket.sent <= bucket.refillRate * NOTED_WITHIN],
    ["nor, for the provider, but for lateness on the way", bucket.seen <= bucket.refillRate * (bucket.latest + NOTED_WITHIN)],
    [`the keys are balanced: Jain's index is at least ${BALANCED}`, jain(figures.keys) >= BALANCED],
  ];
}

const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

const sameEnds = ({ stats, answered, cancelled, failed }) =>
  stats.succeeded === answered && stats.cancelled === cancelled && stats.failed === sum(failed);
