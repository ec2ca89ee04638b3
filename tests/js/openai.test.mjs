// The embedded provider, held to what a real SDK accepts: the `openai` package pointed straight at it, with no client of
// ours in between.

import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { baseUrl, failure, hello, requestsOf } from "./provider.mjs";

const openai = new OpenAI({ apiKey: "sk-js-openai-key-0001", baseURL: baseUrl, maxRetries: 0, logLevel: "off" });
const { completions } = openai.chat;

const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const asks = (model, more) => ({ model, messages: hello("Which way to the lock?"), ...more });

/** Reads a stream as it comes; what came before an error is in its `text`. */
async function read(model, more) {
  let text = "";
  try {
    for await (const chunk of await completions.create(asks(model, { stream: true, ...more }))) text += chunk.choices[0]?.delta.content ?? "";
  } catch (error) {
    return { text, error };
  }
  return { text };
}

const whole = async () => (await completions.create(asks("openai-whole"))).choices[0].message.content;

test("an answer has every field that OpenAI promises", async () => {
  const { id, object, created, model, choices, usage, _request_id } = await completions.create(asks("openai-fields"));
  assert.match(id, /^chatcmpl-/);
  assert.deepEqual([object, model, choices.length], ["chat.completion", "openai-fields", 1]);
  assert.ok(Math.abs(created - Date.now() / 1000) < 60);
  const [{ index, finish_reason, logprobs, message }] = choices;
  assert.deepEqual([index, finish_reason, logprobs, message.role, message.refusal], [0, "stop", null, "assistant", null]);
  assert.ok(message.content.length > 20 && usage.prompt_tokens > 0 && usage.completion_tokens > 0);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  assert.match(_request_id, /^req_/);
});

test("a stream comes to the same answer, with its usage where it is asked for", async () => {
  const asked = asks("openai-stream", { seed: 1 });
  const plain = await completions.create(asked);
  // The SDK puts the chunks together, and refuses a stream that lacks anything.
  const streamed = await completions.stream({ ...asked, stream_options: { include_usage: true } }).finalChatCompletion();
  assert.equal(streamed.choices[0].message.content, plain.choices[0].message.content);
  assert.deepEqual([streamed.choices[0].finish_reason, streamed.usage], ["stop", plain.usage]);
  const without = await completions.stream(asked).finalChatCompletion();
  assert.equal(without.usage, undefined);
});

test("several choices come each under its index", async () => {
  const plain = await completions.create(asks("openai-n", { n: 3 }));
  const streamed = await completions.stream(asks("openai-n", { n: 3 })).finalChatCompletion();
  const texts = (answer) => answer.choices.map((choice) => choice.message.content);
  assert.equal(new Set(texts(plain)).size, 3);
  assert.deepEqual(texts(streamed), texts(plain));
});

test("what is too long is cut off, and says so", async () => {
  const { choices, usage } = await completions.create(asks("openai-length", { max_completion_tokens: 5 }));
  assert.deepEqual([choices[0].finish_reason, usage.completion_tokens], ["length", 5]);
});

test("tools are called with arguments of their schema, whole or streamed", async () => {
  const asked = { model: "openai-tools", messages: hello("Use get_weather for Paris, please."), tools: [WEATHER] };
  const plain = await completions.create(asked);
  const streamed = await completions.stream(asked).finalChatCompletion();
  for (const { finish_reason, message } of [plain.choices[0], streamed.choices[0]]) {
    const [{ id, type, function: called }, ...rest] = message.tool_calls;
    assert.deepEqual([finish_reason, message.content, type, called.name, rest], ["tool_calls", null, "function", "get_weather", []]);
    assert.match(id, /^call_/);
    assert.deepEqual(JSON.parse(called.arguments), { city: "Paris" });
  }
});

test("the SDK's own loop over tools ends in an answer made of their result", async () => {
  const called = [];
  const tool = {
    type: "function",
    function: { ...WEATHER.function, parse: JSON.parse, function: ({ city }) => (called.push(city), `Rain in ${city}`) },
  };
  for (const stream of [false, true]) {
    const asked = { model: "openai-loop", messages: hello("Use get_weather for Ghent, please."), tools: [tool], stream };
    assert.match(await completions.runTools(asked).finalContent(), /Rain in Ghent/);
  }
  assert.deepEqual(called, ["Ghent", "Ghent"]);
});

test("JSON of a schema is JSON of that schema", async () => {
  const schema = { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } }, required: ["city", "days"], additionalProperties: false };
  const response_format = { type: "json_schema", json_schema: { name: "stay", strict: true, schema } };
  const { choices } = await completions.parse(asks("openai-schema", { response_format }));
  const { city, days } = choices[0].message.parsed;
  assert.deepEqual([typeof city, Number.isInteger(days)], ["string", true]);
});

test("models are listed", async () => {
  const names = [];
  for await (const { id, object } of openai.models.list()) names.push([id, object]);
  assert.deepEqual(names, [["mock-model", "model"]]);
});

for (const [model, type, code] of [
  ["fault-400", OpenAI.BadRequestError, null],
  ["fault-401", OpenAI.AuthenticationError, "invalid_api_key"],
  ["fault-403", OpenAI.PermissionDeniedError, "model_access_denied"],
  ["fault-404", OpenAI.NotFoundError, "model_not_found"],
  ["fault-409", OpenAI.ConflictError, null],
  ["fault-422", OpenAI.UnprocessableEntityError, null],
  ["fault-429", OpenAI.RateLimitError, "rate_limit_exceeded"],
  ["fault-quota", OpenAI.RateLimitError, "insufficient_quota"],
  ["fault-503", OpenAI.InternalServerError, null],
]) {
  test(`${model} is the SDK's ${type.name}`, async () => {
    for (const stream of [false, true]) {
      const error = await failure(completions.create(asks(model, { stream })));
      assert.ok(error instanceof type, String(error));
      assert.equal(error.code, code);
      assert.ok(error.type.length > 0 && error.error.message.length > 0 && error.requestID.startsWith("req_"));
    }
  });
}

test("the SDK's own retries wait as long as it is told to", async () => {
  const model = "fault-once-429";
  const [before, content] = [(await requestsOf(model)).length, `retries of openai ${process.pid}`];
  const retrying = new OpenAI({ apiKey: "sk-js-openai-key-0002", baseURL: baseUrl, maxRetries: 1 });
  await retrying.chat.completions.create({ model, messages: hello(content) });
  const mine = (await requestsOf(model)).slice(before).filter(({ body }) => body.messages[0].content === content);
  assert.equal(mine.length, 2);
  const waited = mine[1].started_ms - mine[0].started_ms;
  assert.ok(waited >= 995 && waited < 3_000, `${waited} ms after a Retry-After of 1`);
});

test("what is only odd is an answer to the SDK too", async () => {
  const text = await whole();
  for (const model of ["fault-gzip", "fault-old-http", "fault-comments-5"]) {
    assert.equal((await completions.create(asks(model))).choices[0].message.content, text, model);
    assert.deepEqual(await read(model), { text }, model);
  }
  assert.deepEqual(await read("fault-no-done"), { text });
});

test("connections that are lost, and clocks that run out, are the SDK's own errors", async () => {
  for (const model of ["fault-reset", "fault-close"]) {
    assert.ok((await failure(completions.create(asks(model)))) instanceof OpenAI.APIConnectionError, model);
  }
  for (const model of ["fault-silence", "fault-slow-headers"]) {
    const error = await failure(completions.create(asks(model), { timeout: 200 }));
    assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, model);
  }
});

test("streams that break reach the SDK as breaks, after what had come", async () => {
  const text = await whole();
  const cut = await read("fault-error-in-stream-5");
  assert.ok(cut.error instanceof OpenAI.APIError && cut.error.type === "server_error", String(cut.error));
  const malformed = await read("fault-malformed-5");
  assert.ok(malformed.error instanceof SyntaxError, String(malformed.error));
  for (const broken of [cut, malformed]) assert.ok(broken.text !== "" && broken.text !== text && text.startsWith(broken.text), broken.text);
  assert.ok((await read("fault-cut-5")).error instanceof Error);
});

test("a half answer that ends cleanly lacks what the SDK looks for in a whole one", async () => {
  const { text, error } = await read("fault-end-early-5");
  assert.ok(!error && text !== (await whole()), "read chunk by chunk, nothing tells it from a whole one");
  const incomplete = await failure(completions.stream(asks("fault-end-early-5")).finalChatCompletion());
  assert.match(incomplete.message, /missing finish_reason/);
});
