// The load as numbers: how much, how fast, who gives up and what goes wrong. All of it follows from the options.

const KEYS = 8;
const CANCELLED = 0.05;
const FAULTY = 0.05;
/** A run is so many answers long, but none takes more than these seconds… */
const ANSWERS_IN_A_ROW = 6;
const LONGEST = 20;
/** …nor so little that more chunks come in a second than two processors can make and read beside other work. */
const CHUNKS_PER_SECOND = { native: 14_000, node: 3_500 };
/** Callers beyond the streams that are open at once: they are the bucket's queue. */
const QUEUE = 0.2;
/** The bucket lets a little more through than would keep just so many open: what is cut or cancelled makes room. */
const PUSH = 1.1;
/** How many calls are planned; then the plan begins again. */
const CALLS = 1009;
/** Call numbers have so many digits, always: every answer of a kind has the same number of tokens. */
export const FIRST_NUMBER = 100_001;

/** Questions about a number, which shows in the answer: no answer is right for another call. `share` adds up to 1. */
export const QUESTIONS = [
  { prompt: "Tell me about canal lock {n}.", share: 0.8 },
  { prompt: "Give me the steps to open canal lock {n}.", share: 0.1 },
  { prompt: "Write a poem about canal lock {n}.", share: 0.1 },
];

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const between = (least, number, most) => Math.min(Math.max(number, least), most);
const keys = () => Array.from({ length: KEYS }, (_, i) => `sk-soak-key-${String(i + 1).padStart(4, "0")}`);

/**
 * The plan of a client's run with so many `streams` open at once for so many `seconds`. `answers` says for each question which
 * texts may come back, and how many tokens they have.
 */
export function planned({ client, seconds, streams, seed }, answers) {
  const random = randomOf(seed);
  const tokens = answers.reduce((sum, { tokens, share }) => sum + tokens * share, 0);
  const answerSeconds = Math.max((streams * tokens) / CHUNKS_PER_SECOND[client], Math.min(seconds / ANSWERS_IN_A_ROW, LONGEST));
  const refillRate = (PUSH * streams) / answerSeconds;
  const callers = Math.ceil(streams * (1 + QUEUE)) + 2;
  const requests = Math.ceil(refillRate * seconds * 1.1);
  return {
    client: {
      seconds,
      callers,
      firstNumber: FIRST_NUMBER,
      questions: answers.map(({ prompt, texts }) => ({ prompt, texts })),
      calls: Array.from({ length: CALLS }, () => plannedCall(random, callers / refillRate)),
      settings: settings(answerSeconds, refillRate),
      margin: 5,
      closing: 10,
      sampleEvery: seconds / 60,
    },
    provider: {
      token_pace_ms: (answerSeconds * 1000) / tokens,
      log_capacity: 2 * requests + 1000,
    },
    faults: Array.from({ length: requests }, () => (random() < FAULTY ? fault(random, answerSeconds, tokens) : "none")),
    streams,
    answerSeconds,
  };
}

/** What the client is told; durations are seconds. */
function settings(answerSeconds, refillRate) {
  const patience = between(2.5, answerSeconds / 2, 10);
  return {
    keys: keys(),
    capacity: Math.ceil(refillRate / 4),
    refillRate,
    maxRetries: 5,
    retryDelay: 0.5,
    headersTimeout: patience,
    firstTokenTimeout: patience,
    idleTimeout: patience,
    timeout: 6 * answerSeconds + 15,
  };
}

/** Which question a call asks, and when its caller loses interest, in seconds from its start. */
function plannedCall(random, callSeconds) {
  let place = random();
  const question = QUESTIONS.findIndex(({ share }) => (place -= share) < 0);
  const cancelAfter = random() < CANCELLED ? random() * callSeconds : null;
  return { question: question < 0 ? 0 : question, cancelAfter };
}

/** Something that goes wrong with one request, as the provider is told. */
function fault(random, answerSeconds, tokens) {
  const after_chunks = 1 + Math.floor(random() * tokens);
  const delay_ms = random() * 0.2 * answerSeconds * 1000;
  const kinds = [
    ...["cut", "end_early", "stall", "malformed", "error_in_stream"].map((kind) => ({ kind, after_chunks })),
    ...["reset", "close", "silence", "empty_body", "no_done", "gzip"].map((kind) => ({ kind })),
    ...["slow_headers", "slow_first_token"].map((kind) => ({ kind, delay_ms })),
    { kind: "status", status: 500 },
    { kind: "status", status: 503, headers: [["retry-after-ms", "700"]] },
    { kind: "status", status: 429, headers: [["retry-after", "1"]] },
    { kind: "html", status: 502 },
  ];
  return kinds[Math.floor(random() * kinds.length)];
}
