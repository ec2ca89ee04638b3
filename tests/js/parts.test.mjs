// The parts alone, configuration, events and the log.

import assert from "node:assert/strict";
import test from "node:test";
import { APIKeyPool, ConfigError, OpenAICompatible, RateLimitError, TokenBucket, estimateTokens, setLogLevel } from "lockkeeper";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseUrl, client, failure, hello, until } from "./provider.mjs";

test("a bucket serves in turn, and refuses what can never be", async () => {
  const bucket = new TokenBucket({ capacity: 2, refillRate: 50 });
  assert.deepEqual([bucket.tokens, bucket.capacity, bucket.refillRate], [2, 2, 50]);
  assert.equal(bucket.tryAcquire(2), true);
  assert.equal(bucket.tryAcquire(), false);
  const order = [];
  await Promise.all([1, 2, 3].map((number) => bucket.acquire(1, { timeout: 5 }).then(() => order.push(number))));
  assert.deepEqual(order, [1, 2, 3]);
  const late = await failure(bucket.acquire(2, { timeout: 0.001 }));
  assert.ok(late instanceof RateLimitError && late.retryAt instanceof Date);
  assert.match(late.message, /only in 0\.\d+s/);
  for (const amount of [3, 0, -1, 1.5, "1"]) assert.ok((await failure(bucket.acquire(amount))) instanceof ConfigError);
  bucket.reset();
  assert.equal(Math.round(bucket.tokens), 2);
  for (const options of [undefined, {}, { capacity: 0, refillRate: 1 }, { capacity: 1, refillRate: Number.NaN }, { capacity: "1", refillRate: 1 }]) {
    assert.throws(() => new TokenBucket(options), ConfigError);
  }
  const both = caught(() => new TokenBucket({ capacity: 0, refillRate: -1 }));
  assert.deepEqual(both.problems.map((problem) => problem.path), ["capacity", "refillRate"]);
});

test("an aborted wait for tokens gives its place up", async () => {
  const bucket = new TokenBucket({ capacity: 1, refillRate: 0.01 });
  await bucket.acquire();
  const controller = new AbortController();
  const waiting = failure(bucket.acquire(1, { signal: controller.signal }));
  assert.equal(bucket.waiters, 1);
  controller.abort("no more");
  assert.deepEqual([await waiting, bucket.waiters], ["no more", 0]);
});

test("a pool hands out the least loaded key, and keeps its keys to itself", () => {
  const pool = new APIKeyPool({ apiKeys: ["key-one-000001", "key-two-000002", "key-one-000001"], providerId: "parts", baseUrl: "https://parts.example.com/v1" });
  assert.equal(pool.getLeastLoadedKey(), "key-one-000001");
  assert.equal(pool.incrementTaskCount("key-one-000001"), true);
  assert.deepEqual([pool.getLeastLoadedKey(), pool.inFlight], ["key-two-000002", 1]);
  assert.equal(pool.decrementTaskCount("key-one-000001"), true);
  assert.equal(pool.decrementTaskCount("unknown"), false);
  pool.addKey("key-six-000006");
  assert.equal(pool.removeKey("key-two-000002"), true);
  assert.deepEqual(pool.statuses().map((key) => key.label), ["…0001", "…0006"]);
  pool.reload(["key-ten-000010"]);
  assert.deepEqual(pool.statuses().map(({ label, state, inFlight, attempts, deniedModels }) => ({ label, state, inFlight, attempts, deniedModels })), [
    { label: "…0010", state: "ready", inFlight: 0, attempts: 0, deniedModels: [] },
  ]);
  const again = new APIKeyPool({ apiKeys: "key-ten-000010", providerId: "parts", baseUrl: "https://parts.example.com/v1/" });
  again.incrementTaskCount("key-ten-000010");
  assert.equal(pool.inFlight, 1, "pools of one name and address are one pool");
  assert.ok(!JSON.stringify(pool.statuses()).includes("key-ten"));
  const unfit = caught(() => new APIKeyPool({ apiKeys: ["fine-key-0001", "a\nb"], providerId: "x" }));
  assert.deepEqual(unfit.problems.map((problem) => problem.path), ["apiKeys[1]"]);
  for (const options of [undefined, { providerId: "x" }, { apiKeys: [], providerId: "x" }, { apiKeys: ["a\nb"], providerId: "x" }, { apiKeys: "k" }]) {
    assert.throws(() => new APIKeyPool(options), ConfigError);
  }
});

test("keys in a list of their own share an account", async () => {
  const baseUrl = "https://accounts.example.com/v1";
  const accounts = (of) => of.statuses().map((key) => key.account);
  const [one, two, three] = ["key-one-000001", "key-two-000002", "key-three-0003"];
  const pool = new APIKeyPool({ apiKeys: [one, [two, three]], providerId: "accounts", baseUrl });
  assert.deepEqual(accounts(pool), [undefined, "…0002", "…0002"]);
  pool.addAccount([one, "key-four-000004"]);
  assert.deepEqual(accounts(pool), ["…0001", "…0002", "…0002", "…0001"]);
  pool.reload([[three], one]);
  assert.deepEqual(accounts(pool), [undefined, undefined]);
  for (const unfit of [[], [[two]], [7], undefined]) assert.throws(() => pool.addAccount(unfit), ConfigError);
  for (const apiKeys of [[one, []], [[one, [two]]], [[one, 7]]]) assert.throws(() => new APIKeyPool({ apiKeys, providerId: "x" }), ConfigError);

  const literal = ["$one-key-000001", ["$two-key-000002", "$three-key-0003"]];
  const llm = new OpenAICompatible({ apiKeys: literal, providerId: "accounts of a client", baseUrl, model: "m" });
  assert.deepEqual(accounts(llm.keyPool), [undefined, "…0002", "…0002"]);
  const twice = caught(() => new OpenAICompatible({ apiKeys: [one, [two, one]], baseUrl, model: "m" }));
  assert.deepEqual(twice.problems.map(({ path, message }) => [path, message]), [["apiKeys[1][1]", "belongs to another account, too"]]);
  const text = JSON.stringify({ entries: { m: { api_keys: literal.map((key) => [key].flat().map((it) => `$${it}`)), base_url: baseUrl } } });
  assert.deepEqual(accounts(OpenAICompatible.loadFromJson(text).entries.m.keyPool), [undefined, "…0002", "…0002"]);
});

test("a pool without an address takes that of its first client, and no other", async () => {
  const pool = new APIKeyPool({ apiKeys: ["sk-unbound-000001"], providerId: "unbound" });
  assert.equal(pool.baseUrl, "");
  const llm = new OpenAICompatible({ apiKeyPool: pool, baseUrl, model: "m", rateLimitCapacity: 100 });
  assert.equal(pool.baseUrl, baseUrl);
  await llm.chat(hello());
  assert.equal(pool.statuses()[0].succeeded, 1);
  assert.throws(() => new OpenAICompatible({ apiKeyPool: pool, baseUrl: "https://elsewhere.example.com/v1", model: "m" }), /keys are for/);
  assert.equal(new APIKeyPool({ apiKeys: ["sk-0123456789"], providerId: "openai" }).baseUrl, "https://api.openai.com/v1");
});

test("options are checked all at once, in their own words", () => {
  const wrong = { apiKeys: ["$literal", ""], baseUrl: "ftp://x", model: "m.1", maxRetrys: 3, retryDelay: -1, timeout: 30_000, headers: { "x-a": 1 } };
  const error = caught(() => new OpenAICompatible(wrong));
  const paths = error.problems.map((problem) => problem.path).sort();
  assert.deepEqual(paths, ["apiKeys[1]", "baseUrl", "headers.x-a", "maxRetrys", "retryDelay", "timeout"].sort());
  assert.match(error.message, /did you mean `maxRetries`\?/);
  for (const options of [undefined, {}, { model: "m" }, { apiKeys: "k", baseUrl }, { apiKeyPool: {}, model: "m" }, { apiKeys: 7, model: "m" }]) {
    assert.throws(() => new OpenAICompatible(options), ConfigError);
  }
  for (const options of [{ maxRetries: () => 3 }, { timeout: Number.NaN }, { headers: { x: 1n } }, { retryDelay: Symbol("x") }]) {
    assert.throws(() => new OpenAICompatible({ apiKeys: "k-0123456789", baseUrl, model: "odd", ...options }), ConfigError);
  }
  const dotted = caught(() => new OpenAICompatible({ apiKeys: "", providerId: "x .1", baseUrl, model: "a.b" }));
  assert.deepEqual(dotted.problems.map((problem) => problem.path), ["apiKeys[0]"]);
  const llm = new OpenAICompatible({ apiKeys: "$literal-key-0001", providerId: "dollar", baseUrl, model: "dollar" });
  assert.equal(llm.keyPool.getLeastLoadedKey(), "$literal-key-0001");
});

test("provider.json is loaded from text, object or file, or not at all", async () => {
  const config = { mine: { "gpt.4": { api_keys: ["$MY_KEY"], base_url: baseUrl } }, groq: [{ model_name: "b", api_keys: ["gsk-0123456789"] }] };
  const env = { MY_KEY: "sk-from-env-000001" };
  for (const load of [(c) => OpenAICompatible.loadFromJson(c, { env }), (c) => OpenAICompatible.loadFromJson(JSON.stringify(c), { env: (name) => env[name] })]) {
    const providers = load(config);
    assert.deepEqual([providers.mine["gpt.4"].baseUrl, providers.groq.b.baseUrl], [baseUrl, "https://api.groq.com/openai/v1"]);
    assert.ok((await providers.mine["gpt.4"].chat(hello())).choices.length > 0);
  }
  const file = join(await mkdtemp(join(tmpdir(), "lockkeeper-")), "provider.json");
  await writeFile(file, JSON.stringify(config));
  assert.ok((await OpenAICompatible.loadFromJsonFile(file, { env })).mine["gpt.4"] instanceof OpenAICompatible);
  const missing = await failure(OpenAICompatible.loadFromJsonFile(`${file}.not`));
  assert.ok(missing instanceof ConfigError && missing.message.startsWith("can't read"));
  const error = caught(() => OpenAICompatible.loadFromJson('{"openai": {"gpt-4": {\n"api_keys": ["$NOT_SET_HERE"], "max_retrys": 1}}}'));
  assert.deepEqual(error.problems.map(({ path, line }) => [path, line]), [["openai.gpt-4.max_retrys", 2], ["openai.gpt-4.api_keys[0]", 2]]);
  for (const text of ["", "{", "[]", undefined, 7n]) assert.throws(() => OpenAICompatible.loadFromJson(text), /./);
});

test("listeners are told the story of a call, until they are taken off", async () => {
  const llm = client();
  const story = [];
  const offs = ["wait", "attempt", "headers", "firstToken", "failure", "end"].map((name) => llm.on(name, (event) => story.push([name, event])));
  await llm.chatStream(hello(`story ${llm.model}`), { model: "fault-once-503" }).text();
  assert.deepEqual(story.map(([name]) => name), ["attempt", "headers", "failure", "wait", "attempt", "headers", "firstToken", "end"]);
  const [, failed] = story[2];
  assert.deepEqual([failed.call, failed.kind, failed.status], [0, "server", 503]);
  assert.ok(failed.took > 0 && !("retryAfter" in failed));
  assert.deepEqual([story[3][1].for, story.at(-1)[1].outcome], ["retry", "succeeded"]);
  offs.forEach((off) => off());
  await llm.chat(hello());
  assert.equal(story.length, 8);
});

test("headers and query parameters come in any form", async () => {
  const seen = [];
  const own = async (url, init) => {
    seen.push([new URL(url).search, new Headers(init.headers).get("x-team")]);
    return new Response(JSON.stringify({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] }));
  };
  await client({ fetch: own, headers: new Headers({ "x-team": "canal" }), query: new URLSearchParams("a=1") }).chat(hello());
  await client({ fetch: own, headers: { "x-team": "canal" }, query: { a: 1 } }).chat(hello());
  assert.deepEqual(seen, [["?a=1", "canal"], ["?a=1", "canal"]]);
});

test("wrong listeners are refused", () => {
  const llm = client();
  assert.throws(() => llm.on("nope", () => {}), ConfigError);
  assert.throws(() => llm.on("attempt", "x"), ConfigError);
});

test("the log tells events on the console, and no key", async (t) => {
  const lines = [];
  t.mock.method(console, "debug", (...parts) => lines.push(JSON.stringify(parts)));
  t.mock.method(console, "warn", (...parts) => lines.push(JSON.stringify(parts)));
  const llm = client();
  await llm.chat(hello());
  assert.equal(lines.length, 0, "it is off unless asked for");
  setLogLevel("debug");
  await failure(llm.chat(hello(), { model: "fault-echo-key-400" }));
  setLogLevel("off");
  assert.ok(lines.length >= 4 && lines.some((line) => line.includes('"failure"')));
  assert.ok(!lines.join().includes("sk-js"), lines.join());
  assert.throws(() => setLogLevel("loud"), ConfigError);
});

test("tokens are estimated", () => {
  assert.deepEqual([estimateTokens(""), estimateTokens("The capital of France is Paris."), estimateTokens("你好世界")], [0, 8, 4]);
});

function caught(act) {
  try {
    act();
  } catch (error) {
    return error;
  }
}
