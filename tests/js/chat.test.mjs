// Chats and their errors.

import assert from "node:assert/strict";
import test from "node:test";
import { AuthenticationError, ConfigError, InvalidRequestError, LLMError, RateLimitError, ServerError, TimeoutError } from "lockkeeper";
import { baseUrl, client, failure, hello, requestsOf, until } from "./provider.mjs";

test("an answer is the provider's own object, and is counted", async () => {
  const llm = client();
  const answer = await llm.chat(hello(), { temperature: 0.2, user: "someone" });
  assert.equal(answer.object, "chat.completion");
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.ok("system_fingerprint" in answer, "unknown fields stay");
  assert.deepEqual([llm.inputTokenCount, llm.outputTokenCount], [answer.usage.prompt_tokens, answer.usage.completion_tokens]);
  assert.deepEqual([llm.stats().calls, llm.stats().succeeded, llm.keyPool.inFlight], [1, 1, 0]);
});

test("requests rotate over the keys", async () => {
  const llm = client();
  for (let call = 0; call < 6; call += 1) await llm.chat(hello());
  assert.deepEqual(llm.keyPool.statuses().map((key) => key.succeeded), [2, 2, 2]);
});

test("a limited key rests and another answers at once", async () => {
  const llm = client();
  const answer = await llm.chat(hello(`limit ${llm.model}`), { model: "fault-once-429" });
  assert.ok(answer.choices.length > 0);
  const states = llm.keyPool.statuses().map((key) => key.state).sort();
  assert.deepEqual(states, ["cooling", "ready", "ready"]);
});

test("errors have a class, a kind, the provider's words and every attempt", async () => {
  const llm = client();
  const error = await failure(llm.chat(hello(), { model: "fault-503", maxRetries: 2 }));
  assert.ok(error instanceof ServerError && error instanceof LLMError && error instanceof Error);
  assert.deepEqual([error.name, error.kind, error.status, error.code], ["ServerError", "server", 503, "server_error"]);
  assert.equal(error.attempts.length, 3);
  assert.match(error.attempts[0].keyLabel, /^…000\d$/);
  assert.ok(error.attempts[2].startedAfter > error.attempts[1].startedAfter);
  assert.ok(!JSON.stringify(error).includes("sk-js"));
});

test("what is refused for good is not tried again", async () => {
  const refused = await failure(client().chat(hello(), { model: "fault-400" }));
  assert.ok(refused instanceof InvalidRequestError);
  assert.equal(refused.attempts.length, 1);
  const dead = await failure(client().chat(hello(), { model: "fault-401" }));
  assert.ok(dead instanceof AuthenticationError);
  assert.equal(dead.attempts.length, 3);
});

test("a model that does not exist is told with the place that named it", async () => {
  const named = await failure(client({ model: "fault-404" }).chat(hello()));
  assert.match(named.message, /\(model `fault-404`, from `model` in the configuration\)$/);
  const asked = await failure(client().chat(hello(), { model: "fault-404" }));
  assert.match(asked.message, /from the call's `model` option\)$/);
});

test("a wait that does not fit is told at once, with the time to come back", async () => {
  const error = await failure(client({ apiKeys: "sk-only-one-key-01" }).chat(hello(), { model: "fault-429", timeout: 0.5 }));
  assert.ok(error instanceof RateLimitError);
  assert.ok(error.retryAt instanceof Date && error.retryAt.getTime() > Date.now());
});

test("a clock that runs out is named as the option is", async () => {
  const error = await failure(client().chat(hello(), { model: "fault-silence", timeout: 0.1 }));
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.clock, "timeout");
  const slow = await failure(client({ maxRetries: 0 }).chatStream(hello(), { model: "fault-silence", headersTimeout: 0.1 }).text());
  assert.equal(slow.clock, "headersTimeout");
  assert.match(slow.message, /within 0\.1s \(headersTimeout\)$/);
});

test("an error's stack begins where the user called", async () => {
  async function somewhereOfMine() {
    return client().chat(hello(), { model: "fault-400" });
  }
  const error = await failure(somewhereOfMine());
  assert.match(error.stack, /^InvalidRequestError: .*\n\s+at .*somewhereOfMine/);
});

test("an abort rejects with the signal's reason and closes the socket", async () => {
  const llm = client({ model: "fault-silence" });
  const controller = new AbortController();
  const content = `abort ${process.pid}`;
  const call = failure(llm.chat(hello(content), { signal: controller.signal }));
  await until(() => llm.stats().attempts === 1);
  const reason = new Error("enough");
  controller.abort(reason);
  assert.equal(await call, reason);
  assert.deepEqual([llm.keyPool.inFlight, llm.stats().cancelled], [0, 1]);
  assert.equal(await failure(llm.chat(hello(), { signal: AbortSignal.abort("long ago") })), "long ago");
});

test("an abort ends a wait for a token, and those behind move up", async () => {
  const llm = client({ rateLimitCapacity: 1, rateLimitRefillRate: 5 });
  await llm.chat(hello());
  const controller = new AbortController();
  const first = failure(llm.chat(hello(), { signal: controller.signal }));
  const second = llm.chat(hello());
  await until(() => llm.tokenBucket.waiters === 2);
  controller.abort();
  assert.equal((await first).name, "AbortError");
  await second;
  assert.deepEqual([llm.stats().attempts, llm.tokenBucket.waiters], [2, 0]);
});

test("what is no request is a ConfigError that names each problem, and nothing is sent", async () => {
  const llm = client();
  const held = {};
  held.held = held;
  for (const [messages, options, paths] of [
    [[], {}, ["messages"]],
    [[{ content: "no role" }], {}, ["messages[0].role"]],
    ["Hello!", {}, ["messages"]],
    [hello(), { timeout: 30_000, temperature: Number.NaN }, ["temperature", "timeout"]],
    [hello(), { idleTimeout: 0, maxRetries: -1 }, ["idleTimeout", "maxRetries"]],
    [hello(), { stream: true, model: 7 }, ["stream", "model"]],
    [hello(), { timeout: "5", maxRetries: 2 ** 32 }, ["timeout", "maxRetries"]],
    [hello(), "options", ["options"]],
    [[, ...hello()], {}, ["messages[0].role"]],
    [hello(), { seed: 1n }, [""]],
    [hello(), { held }, [""]],
  ]) {
    const error = await failure(llm.chat(messages, options));
    assert.ok(error instanceof ConfigError, String(error));
    assert.deepEqual(error.problems.map((problem) => problem.path), paths);
  }
  assert.match((await failure(llm.chat(hello(), { timeout: 30_000 }))).message, /looks like milliseconds/);
  assert.equal(llm.stats().attempts, 0);
});

test("messages that change after the call do not change what is sent", async () => {
  const llm = client();
  const messages = hello("as it was");
  const call = llm.chat(messages);
  messages[0].content = "as it became";
  await call;
  const [request] = await requestsOf(llm.model);
  assert.equal(request.body.messages[0].content, "as it was");
});

test("a fetch of one's own is used, and its errors are connection errors", async () => {
  const seen = [];
  const own = async (url, init) => {
    seen.push([url, new Headers(init.headers).get("authorization")]);
    return fetch(url, init);
  };
  await client({ fetch: own }).chat(hello());
  assert.deepEqual(seen, [[`${baseUrl}/chat/completions`, "Bearer sk-js-test-key-0001"]]);
  const broken = client({ maxRetries: 0, fetch: () => Promise.reject(new TypeError("no network today")) });
  const error = await failure(broken.chat(hello()));
  assert.deepEqual([error.kind, error.message], ["connection", "no network today"]);
  assert.ok(error.cause instanceof TypeError);
  const thrown = client({ maxRetries: 0, fetch: () => { throw "a string"; } });
  assert.equal((await failure(thrown.chat(hello()))).message, "a string");
});

test("clients with other keys never use each other's", async () => {
  const options = { providerId: `tenants-${process.pid}`, model: `tenants-${process.pid}` };
  const [ours, theirs] = ["sk-tenant-aaaa0001", "sk-tenant-bbbb0002"].map((apiKeys) => client({ ...options, apiKeys }));
  for (let call = 0; call < 3; call += 1) await theirs.chat(hello());
  assert.deepEqual((await requestsOf(options.model)).map((request) => request.key_label), ["…0002", "…0002", "…0002"]);
  assert.deepEqual([ours.keyPool.getLeastLoadedKey(), theirs.keyPool.getLeastLoadedKey()], ["sk-tenant-aaaa0001", "sk-tenant-bbbb0002"]);
});

test("whatever a fetch of one's own gives back ends in an error, and frees the key", async () => {
  const body = JSON.stringify({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] });
  const read = async () => {
    const response = new Response(body);
    await response.text();
    return response;
  };
  const pieces = (...list) => async () => ({ status: 200, headers: {}, body: { getReader: () => ({ read: async () => ({ done: list.length === 0, value: list.shift() }) }) } });
  for (const own of [() => undefined, () => null, async () => undefined, async () => "x", async () => ({}), async () => ({ status: 200 }), read,
    async () => ({ status: 200, headers: new Map(), body: {} }), pieces(7), pieces(null), pieces(undefined), () => { throw undefined; },
    async () => new Response(null, { status: 204 }), async () => new Response(new ReadableStream({ start: (c) => c.error(new Error("torn")) }))]) {
    for (const call of [(llm) => llm.chat(hello()), (llm) => llm.chatStream(hello()).text()]) {
      const llm = client({ fetch: own, maxRetries: 0 });
      assert.ok((await failure(call(llm))) instanceof LLMError, own);
      assert.deepEqual([llm.keyPool.inFlight, llm.stats().failed], [0, 1], String(own));
    }
  }
  assert.equal((await client({ fetch: () => new Response(body) }).chat(hello())).choices[0].message.content, "Hi");
  assert.equal((await client({ fetch: pieces(body) }).chat(hello())).choices[0].message.content, "Hi");
});

test("an answer without usage gets an estimate, labelled", async () => {
  const body = JSON.stringify({ choices: [{ message: { content: "Fine, thanks." }, finish_reason: "stop" }] });
  const llm = client({ fetch: async () => new Response(body) });
  const { usage } = await llm.chat(hello("How are you?"));
  assert.deepEqual([usage.estimated, usage.total_tokens, llm.outputTokenCount], [true, usage.prompt_tokens + usage.completion_tokens, usage.completion_tokens]);
});

test("an abort in a listener, at the very first step, is heard", async () => {
  const llm = client({ model: "fault-silence" });
  for (const call of [(signal) => llm.chat(hello(), { signal }), (signal) => llm.chatStream(hello(), { signal }).text(), (signal) => llm.fetch(`${baseUrl}/models`, { signal })]) {
    const controller = new AbortController();
    const off = llm.on("attempt", () => controller.abort(["a", "list"]));
    assert.deepEqual(await failure(call(controller.signal)), ["a", "list"]);
    off();
    await until(() => llm.keyPool.inFlight === 0);
  }
});

test("what is no signal is a ConfigError, and nothing is sent", async () => {
  const llm = client();
  for (const call of [
    () => llm.chat(hello(), { signal: new AbortController() }),
    () => llm.chatStream(hello(), { signal: {} }).text(),
    () => llm.fetch(`${baseUrl}/models`, { signal: 7 }),
    () => llm.tokenBucket.acquire(1, { signal: "x" }),
  ]) {
    assert.deepEqual((await failure(call())).problems?.[0].path, "signal");
  }
  assert.equal(llm.stats().attempts, 0);
});

test("many calls on one signal bring no warning", async () => {
  const warnings = [];
  const note = (warning) => warnings.push(warning.message);
  process.on("warning", note);
  const llm = client();
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 30 }, () => llm.chat(hello(), { signal })));
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("warning", note);
  assert.deepEqual(warnings, []);
});

test("errors can be made, named and extended by users", () => {
  class Mine extends RateLimitError {
    constructor(message) {
      super(message, { status: 429 });
      this.name = "Mine";
    }
  }
  const error = new Mine("x");
  assert.ok(error instanceof RateLimitError && error instanceof LLMError);
  assert.deepEqual([error.name, error.kind, error.status, error.attempts], ["Mine", "rate_limited", 429, []]);
  assert.deepEqual([new LLMError("x", null).name, new ConfigError("x").problems, RateLimitError.name], ["LLMError", [], "RateLimitError"]);
});
