// Nothing stays behind, however streams end: measured with the size of the engine's memory and the number of live objects.
//
// LOCKKEEPER_TEST_STREAMS says how many streams; `npm run test:all` takes 20,000.

import assert from "node:assert/strict";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { init } from "lockkeeper/slim";
import { client, hello, until } from "./provider.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
const STREAMS = Number(process.env.LOCKKEEPER_TEST_STREAMS ?? 3000);
const AT_ONCE = 16;

const WAYS = [
  (stream) => stream.text(),
  async (stream) => {
    for await (const _ of stream) break;
  },
  async (stream) => {
    const pending = stream[Symbol.asyncIterator]().next();
    stream.abort();
    await pending.catch(() => {});
  },
  (stream) => stream.toResponse().body.cancel(),
];

async function streams(llm, count) {
  for (let begun = 0; begun < count; begun += AT_ONCE) {
    const calls = Array.from({ length: AT_ONCE }, (_, place) => WAYS[place % WAYS.length](llm.chatStream(hello(), { max_tokens: 8 })));
    await Promise.all(calls);
  }
}

test(`the engine's memory does not grow over ${STREAMS} streams`, { timeout: 300_000 }, async () => {
  const { memory } = init(); // it runs already: this only looks
  const llm = client({ rateLimitCapacity: 1e6, rateLimitRefillRate: 1e6 });
  await streams(llm, 512);
  const before = memory.buffer.byteLength;
  await streams(llm, STREAMS);
  assert.equal(memory.buffer.byteLength, before);
  assert.equal(llm.keyPool.inFlight, 0);
});

test("a forgotten stream is freed", async () => {
  const llm = client();
  await (async () => {
    const iterator = llm.chatStream(hello(), { model: "fault-stall-3" })[Symbol.asyncIterator]();
    await iterator.next();
  })();
  assert.equal(llm.keyPool.inFlight, 1);
  await until(() => {
    collect();
    return llm.keyPool.inFlight === 0;
  }, 10_000);
  assert.equal(llm.stats().cancelled, 1);
});
