// The Node client of the soak, over the built package: `node --expose-gc soak/node.mjs PLAN RESULT`. Its native twin is
// soak/native; both do what the plan says and write down the same.

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LLMError, OpenAICompatible } from "lockkeeper";
import { init } from "lockkeeper/slim";

const [planFile, resultFile] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, "utf8"));
const { memory } = init(); // it runs already: this only looks
const { keys, capacity, refillRate, ...clocks } = plan.settings;
const llm = new OpenAICompatible({
  ...clocks,
  apiKeys: keys,
  baseUrl: plan.baseUrl,
  model: "soak",
  providerId: "soak",
  rateLimitCapacity: capacity,
  rateLimitRefillRate: refillRate,
});

const start = performance.now();
const elapsed = () => (performance.now() - start) / 1000;
const isOn = () => elapsed() < plan.seconds;
const ends = { answered: 0, cancelled: 0, failed: {}, lost: [], hung: [], chunks: 0, seconds: [] };
const [sent, firstToken] = [[], []];
let begun = 0;
let busy = true;
llm.on("attempt", () => sent.push((performance.timeOrigin + performance.now()) / 1000));
llm.on("firstToken", ({ seconds }) => firstToken.push(seconds));

const numbered = (text, number) => text.replaceAll("{n}", number);
const texts = (question, number) => plan.questions[question].texts.map((text) => numbered(text, number));

/** One of many: asks again as soon as its last call has ended. */
async function caller() {
  while (isOn()) {
    const number = plan.firstNumber + begun;
    const { question, cancelAfter } = plan.calls[begun % plan.calls.length];
    begun += 1;
    const began = elapsed();
    const { end, how } = await call(number, question, cancelAfter);
    if (end === "failed") (ends.failed[how] ??= []).push(number);
    else if (end === "lost" || end === "hung") ends[end].push([number, how]);
    else ends[end] += 1;
    if (end === "answered") ends.seconds.push(elapsed() - began);
  }
}

/** One call, which its caller may lose interest in, and which is watched for being late. */
async function call(number, question, cancelAfter) {
  const interest = new AbortController();
  const messages = [{ role: "user", content: numbered(plan.questions[question].prompt, number) }];
  const stream = llm.chatStream(messages, { signal: interest.signal });
  // One half by the signal, the other by the stream.
  const cancel = () => (number % 2 ? interest.abort() : stream.abort());
  const timer = cancelAfter === null ? undefined : setTimeout(cancel, cancelAfter * 1000);
  const late = lateness();
  const ended = await Promise.race([read(stream, number, question, late), late.promise]);
  clearTimeout(timer);
  late.stop();
  return ended;
}

/** Says that a call hangs, if it takes longer as a whole, or is silent for longer, than its clocks allow. */
function lateness() {
  let hangs;
  const promise = new Promise((resolve) => (hangs = (how) => resolve({ end: "hung", how })));
  const watch = (seconds, how) => setTimeout(hangs, (seconds + plan.margin) * 1000, how);
  const whole = watch(clocks.timeout, "past its timeout");
  let silence;
  const stop = () => [whole, silence].forEach(clearTimeout);
  const heard = () => {
    if (silence) silence.refresh();
    else silence = watch(clocks.idleTimeout, "silent past its idleTimeout");
  };
  return { promise, stop, heard };
}

/** Reads a stream to its end, and compares what it says with what the provider has to say. */
async function read(stream, number, question, late) {
  let text = "";
  const lost = (how) => ({ end: "lost", how: `${how}: ${text}` });
  try {
    for await (const chunk of stream) {
      late.heard();
      text += chunk.choices[0]?.delta.content ?? "";
      ends.chunks += 1;
    }
  } catch (error) {
    if (error.name === "AbortError") return { end: "cancelled" };
    if (!(error instanceof LLMError)) return lost(`an error of no known kind, ${error}`);
    const isSent = texts(question, number).some((whole) => whole.startsWith(text));
    return isSent && (error.partial?.text ?? "") === text ? { end: "failed", how: error.kind } : lost("failed with a text that was not sent");
  }
  if (stream.state === "cancelled") return { end: "cancelled" };
  if (stream.state !== "finished") return lost(`ended as ${stream.state}, without an error`);
  return texts(question, number).includes(text) ? { end: "answered" } : lost("a text that was not sent");
}

/** A look at everything at one moment. */
function gauges() {
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    at: elapsed(),
    rss,
    heap: heapUsed + external,
    wasm: memory.buffer.byteLength,
    cpu: (user + system) / 1e6,
    inFlight: llm.keyPool.inFlight,
    waiters: llm.tokenBucket.waiters,
  };
}

async function watch() {
  const samples = [];
  while (busy) {
    samples.push(gauges());
    await sleep(plan.sampleEvery * 1000);
  }
  return samples;
}

/**
 * What the provider says of itself once no request is under way, or when that takes too long. It is asked from here
 * because all sockets close when this process ends.
 */
async function providerAtRest() {
  const askedUntil = elapsed() + plan.closing;
  for (;;) {
    const overview = await (await fetch(plan.controlUrl)).json();
    if (overview.open === 0 || elapsed() > askedUntil) return overview;
    await sleep(100);
  }
}

const watching = watch();
await Promise.all(Array.from({ length: plan.callers }, caller));
const seconds = elapsed();
busy = false;
const samples = await watching;
const provider = await providerAtRest();
writeFileSync(resultFile, JSON.stringify({ begun, ends, stats: llm.stats(), sent, firstToken, seconds, samples, settled: gauges(), provider }));
