// What a client counts, as numbers and as Prometheus scrapes it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { metricsText } from "lockkeeper";
import { client, failure, hello } from "./provider.mjs";

test("stats tell calls, waits, bucket and keys", async () => {
  const llm = client({ rateLimitCapacity: 1, rateLimitRefillRate: 5 });
  llm.tokenBucket.tryAcquire();
  await llm.chat(hello());
  await llm.chatStream(hello()).text();
  const stats = llm.stats();
  const { provider, model } = llm.modelInfo;
  assert.deepEqual([stats.provider, stats.model], [provider, model]);
  assert.deepEqual([stats.calls, stats.succeeded, stats.failed, stats.cancelled, stats.attempts], [2, 2, 0, 0, 2]);
  const { token, key, retry } = stats.waitsFor;
  assert.deepEqual([key, retry], [{ count: 0, time: 0 }, { count: 0, time: 0 }]);
  assert.ok(token.count >= 1 && token.time > 0 && token.time < 5, JSON.stringify(token)); // the first waits for sure
  assert.deepEqual([stats.waits, stats.bucket.waits, stats.bucket.waiters], [token.count, token.count, 0]);
  assert.deepEqual([stats.bucket.capacity, stats.bucket.refillRate], [1, 5]);
  assert.deepEqual([stats.inputTokens, stats.outputTokens], [llm.inputTokenCount, llm.outputTokenCount]);
  const [first, second, third] = stats.keys;
  assert.deepEqual(stats.keys, llm.keyPool.statuses());
  assert.equal(first.latency.count, 1);
  const { sum, p50, p95, p99 } = first.latency;
  assert.ok(sum > 0 && p50 === p95 && p95 === p99 && Math.abs(p50 / Math.max(sum, 0.000128) - 1) < 0.1, JSON.stringify(first.latency));
  assert.deepEqual([first.firstToken, second.firstToken.count, third.latency, third.failures], [undefined, 1, undefined, {}]);
});

test("failures are told by kind", async () => {
  const statuses = [503, 429, 400];
  const fetch = async () => Response.json({ error: { message: "no" } }, { status: statuses.shift() });
  const llm = client({ apiKeys: ["sk-js-test-key-0001"], fetch });
  assert.equal((await failure(llm.chat(hello()))).kind, "invalid_request");
  const [key] = llm.stats().keys;
  assert.deepEqual(key.failures, { server: 1, rate_limited: 1, invalid_request: 1 });
  assert.deepEqual([key.failed, key.rateLimited, key.latency], [2, 1, undefined]);
  assert.match(llm.metricsText(), /^lockkeeper_key_failures_total\{.*,key="…0001",kind="rate_limited"\} 1$/m);
});

test("metrics have the names and kinds of the Rust library's, each once", () => {
  const [one, two] = [client({ providerId: "same", model: "m" }), client({ providerId: "same", model: "m" })];
  const text = metricsText([one, client(), two]);
  const heads = text.split("\n").filter((line) => line.startsWith("#"));
  assert.deepEqual(heads, readFileSync(new URL("../metrics/heads.txt", import.meta.url), "utf8").trimEnd().split("\n"));
  assert.match(text, /^lockkeeper_attempts_total\{provider="same",model="m"\} 0$/m);
  assert.match(text, /^lockkeeper_attempts_total\{provider="same",model="m",client="2"\} 0$/m);
  assert.equal(one.metricsText(), metricsText([one]));
});

test("every line of the metrics is one that Prometheus reads", async () => {
  const llm = client({ providerId: 'a"b\\c' });
  await llm.chat(hello());
  await llm.chatStream(hello()).text();
  const text = llm.metricsText();
  assert.ok(text.endsWith("\n") && !text.includes("sk-"));
  const names = /^lockkeeper_[a-z_]+\{provider="a\\"b\\\\c",model="[^"\\]*"(,[a-z]+="[^"\\\n]*")*\} (\d+(\.\d+)?(e-\d+)?)$/;
  const samples = text.trimEnd().split("\n").filter((line) => !line.startsWith("#"));
  for (const line of samples) assert.match(line, names);
  assert.equal(new Set(samples.map((line) => line.replace(/ \S+$/, ""))).size, samples.length);
  const value = (start) => Number(samples.find((line) => line.startsWith(start)).split(" ").at(-1));
  assert.equal(samples.filter((line) => line.startsWith("lockkeeper_key_latency_seconds{")).length, 6);
  assert.equal(value("lockkeeper_calls_total"), 2);
});
