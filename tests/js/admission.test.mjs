// Who goes first, how many at once, and what the LLM tokens allow.

import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError, TokenBucket } from "lockkeeper";
import { client, failure, hello, requestsOf, until } from "./provider.mjs";

test("of calls that wait the one of the highest priority is first, and it is not sent", async () => {
  const llm = client({ rateLimitCapacity: 1, rateLimitRefillRate: 10 });
  await llm.chat(hello()); // the engine has started
  llm.tokenBucket.reset();
  const order = [];
  const calls = [0, -1, 0, 2].map((priority, call) => llm.chat(hello(), { priority }).then(() => order.push(call)));
  await Promise.all(calls);
  assert.deepEqual(order, [0, 3, 2, 1]);
  for (const { body } of await requestsOf(llm.model)) assert.ok(!JSON.stringify(body ?? "").includes("priority"));
});

test("a priority that is none is an error", async () => {
  for (const priority of [101, -101, 1.5, "high", Number.NaN]) {
    const error = await failure(client().chat(hello(), { priority }));
    assert.ok(error instanceof ConfigError);
    assert.equal(error.problems[0].path, "priority");
  }
  await client().chat(hello(), { priority: null });
});

test("a bucket by itself knows priorities too", async () => {
  const bucket = new TokenBucket({ capacity: 1, refillRate: 50 });
  bucket.tryAcquire();
  const order = [];
  await Promise.all([-1, 0, 1].map((priority) => bucket.acquire(1, { priority }).then(() => order.push(priority))));
  assert.deepEqual(order, [1, 0, -1]);
  assert.ok((await failure(bucket.acquire(1, { priority: 500 }))) instanceof ConfigError);
});

test("no more requests are under way than there is room for", async () => {
  for (const settings of [{ maxConcurrency: 2 }, { maxConcurrencyPerKey: 1, apiKeys: ["sk-js-one-00001", "sk-js-two-00002"] }]) {
    const llm = client(settings);
    const waits = [];
    llm.on("wait", (event) => waits.push(event.for));
    let most = 0;
    llm.on("attempt", () => (most = Math.max(most, llm.keyPool.inFlight)));
    const calls = Array.from({ length: 7 }, () => llm.chat(hello()));
    await Promise.all(calls);
    assert.equal(most, 2);
    assert.deepEqual(waits, Array(5).fill("concurrency"));
    assert.equal(llm.stats().waitsFor.concurrency.count, 5);
  }
});

test("a stream takes room until it is left, and who waits in line may leave it", async () => {
  const llm = client({ maxConcurrency: 1 });
  const stream = llm.chatStream(hello());
  await stream[Symbol.asyncIterator]().next();
  const controller = new AbortController();
  const left = failure(llm.chat(hello(), { signal: controller.signal }));
  const next = llm.chat(hello());
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort("no more");
  assert.equal(await left, "no more");
  assert.equal(llm.stats().succeeded, 0);
  stream.abort?.();
  await stream.return?.();
  await next;
  await until(() => llm.keyPool.inFlight === 0);
});

test("limits may be each key's own", async () => {
  const settings = { rateLimitScope: "key", rateLimitCapacity: 1, rateLimitRefillRate: 10, rateLimitTokensPerMinute: 60_000 };
  const llm = client({ ...settings, apiKeys: ["sk-js-one-00003", "sk-js-two-00004"] });
  const began = performance.now();
  await Promise.all(Array.from({ length: 6 }, () => llm.chat(hello())));
  const took = performance.now() - began;
  assert.ok(took > 180, `${took} ms`);
  assert.deepEqual(llm.keyPool.statuses().map((key) => key.succeeded), [3, 3]);
  assert.throws(() => client({ rateLimitScope: "pool" }), ConfigError);
});

test("a budget of LLM tokens is set aside and settled", async () => {
  const llm = client({ rateLimitTokensPerMinute: 60_000 });
  assert.equal(llm.tokenBudget.capacity, 60_000);
  assert.equal(llm.tokenBudget, llm.tokenBudget);
  const call = llm.chat(hello(), { max_tokens: 50_000 });
  await until(() => llm.keyPool.inFlight === 1 || llm.stats().succeeded === 1);
  const { usage } = await call;
  const used = 60_000 - llm.tokenBudget.tokens;
  assert.ok(used <= usage.total_tokens && used >= 0, `${used} of ${usage.total_tokens}`);
  const error = await failure(llm.chat(hello(), { max_tokens: 70_000 }));
  assert.ok(error instanceof ConfigError);
  assert.match(error.message, /60000/);
  assert.equal(client().tokenBudget, undefined);
});
