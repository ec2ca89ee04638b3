// A counterpart that is not ours: aimock, and what its chaos does to a client.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { LLMock } from "@copilotkit/aimock";
import { ConnectionError, DecodeError, LLMError, RateLimitError, ServerError, TimeoutError, TruncatedError } from "lockkeeper";
import { client, failure, hello } from "./provider.mjs";

const ANSWER = "The lock lies past the willows, where the towpath bends down to the water.";
const USAGE = { prompt_tokens: 7, completion_tokens: 16, total_tokens: 23 };
const WEATHER = { type: "function", function: { name: "get_weather", parameters: { type: "object" } } };

let mock;

before(async () => {
  mock = new LLMock({ port: 0, chunkSize: 8 });
  mock.onMessage("cut", { content: ANSWER }, { truncateAfterChunks: 4, latency: 10 });
  mock.onMessage("break", { content: ANSWER }, { disconnectAfterMs: 60, latency: 20 });
  mock.onMessage("slow", { content: ANSWER }, { latency: 400, chunkSize: 40 });
  mock.onMessage("weather", { toolCalls: [{ name: "get_weather", arguments: '{"city":"Ghent"}' }] });
  mock.onMessage("Hello", { content: ANSWER, usage: USAGE });
  await mock.start();
});

after(() => mock.stop());

/** A client whose every request asks for this chaos. */
function under(chaos = {}, options = {}) {
  const headers = Object.fromEntries(Object.entries(chaos).map(([name, value]) => [`x-aimock-chaos-${name}`, String(value)]));
  return client({ baseUrl: `${mock.url}/v1`, headers, maxRetries: 2, ...options });
}

const textOf = (answer) => answer.choices[0].message.content;

/** Asks both ways. */
const WAYS = {
  chat: async (llm, content, options) => textOf(await llm.chat(hello(content), options)),
  stream: (llm, content, options) => llm.chatStream(hello(content), options).text(),
};

for (const [way, ask] of Object.entries(WAYS)) {
  test(`${way}: an answer is whole`, async () => {
    assert.equal(await ask(under(), "Hello!"), ANSWER);
  });

  for (const [chaos, kind, status] of [
    ["drop", ServerError, 500],
    ["malformed", DecodeError],
    ["disconnect", ConnectionError],
  ]) {
    test(`${way}: ${chaos} for ever is an error of its kind, after every retry`, async () => {
      const llm = under({ [chaos]: 1 });
      const error = await failure(ask(llm, "Hello!"));
      assert.ok(error instanceof kind, String(error));
      assert.deepEqual([error.status, error.attempts.length, llm.keyPool.inFlight], [status, 3, 0]);
    });
  }

  test(`${way}: a rate limit for ever is told with the time to come back`, async () => {
    const llm = under({ ratelimit: 1 }, { maxRetries: 0 });
    const error = await failure(ask(llm, "Hello!"));
    assert.ok(error instanceof RateLimitError && error.status === 429, String(error));
    assert.equal(error.attempts.length, 3, "one for each key");
    const seconds = (error.retryAt.getTime() - Date.now()) / 1000;
    assert.ok(seconds > 0 && seconds <= 1, `Retry-After is 1, and retryAt in ${seconds} s`);
  });

  test(`${way}: latency is ended by a clock`, async () => {
    const llm = under({ latency: 30_000 });
    const began = performance.now();
    const error = await failure(ask(llm, "Hello!", { timeout: 0.3 }));
    assert.ok(error instanceof TimeoutError && error.clock === "timeout", String(error));
    assert.ok(performance.now() - began < 2_000);
    assert.equal(llm.keyPool.inFlight, 0);
  });
}

test("what is reported as usage is what is counted", async () => {
  const llm = under();
  await llm.chat(hello());
  await llm.chatStream(hello()).text();
  assert.deepEqual([llm.inputTokenCount, llm.outputTokenCount], [2 * 7, 2 * 16]);
});

test("tool calls come whole, in a stream too", async () => {
  const llm = under();
  const asked = [hello("What is the weather?"), { tools: [WEATHER] }];
  const whole = (await llm.chat(...asked)).choices[0];
  const streamed = (await llm.chatStream(...asked).result()).choices[0];
  for (const { finish_reason, message } of [whole, streamed]) {
    assert.equal(finish_reason, "tool_calls");
    assert.deepEqual(message.tool_calls.map((call) => call.function), [{ name: "get_weather", arguments: '{"city":"Ghent"}' }]);
  }
});

for (const [content, name] of [["cut", "some chunks"], ["break", "some time"]]) {
  test(`a stream that is cut after ${name} is an error with what had come`, async () => {
    const llm = under();
    const error = await failure(llm.chatStream(hello(content)).text());
    assert.ok(error instanceof TruncatedError, String(error));
    const { text } = error.partial;
    assert.ok(text !== "" && text !== ANSWER && ANSWER.startsWith(text), text);
    assert.deepEqual([error.attempts.length, llm.keyPool.inFlight], [1, 0], "never asked for again in secret");
  });
}

test("a stream that stalls is ended by its idle clock", async () => {
  const error = await failure(under().chatStream(hello("slow"), { idleTimeout: 0.2, firstTokenTimeout: 5 }).text());
  assert.ok(error instanceof TimeoutError && error.clock === "idleTimeout", String(error));
  assert.ok(ANSWER.startsWith(error.partial.text));
});

test("in a storm of it all, each call ends whole or in a typed error", async () => {
  const chaos = { drop: 0.15, malformed: 0.15, disconnect: 0.15, ratelimit: 0.02, latency: 5 };
  const llm = under(chaos, { maxRetries: 3 });
  const calls = Array.from({ length: 120 }, (_, n) => {
    const [content, ask] = [n % 6 === 5 ? "cut" : "Hello!", n % 2 ? WAYS.stream : WAYS.chat];
    return ask(llm, content, { timeout: 8 });
  });
  const outcomes = await Promise.allSettled(calls);
  const answers = outcomes.filter(({ status }) => status === "fulfilled");
  assert.ok(answers.length > 60, `${answers.length} answers`);
  for (const { status, value, reason } of outcomes) {
    if (status === "fulfilled") assert.equal(value, ANSWER);
    else assert.ok(reason instanceof LLMError && reason.kind !== "config", String(reason));
  }
  const { calls: all, succeeded, failed } = llm.stats();
  assert.deepEqual([all, succeeded, failed, llm.keyPool.inFlight], [120, answers.length, 120 - answers.length, 0]);
});
