// A client's `fetch` under the SDKs that people keep.

import assert from "node:assert/strict";
import test from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { ConfigError } from "lockkeeper";
import { baseUrl, client, failure, hello, requestsOf, until } from "./provider.mjs";

const sdk = (llm) => new OpenAI({ apiKey: "managed", baseURL: baseUrl, fetch: llm.fetch });

test("openai: answers and streams, over the keys of the pool", async () => {
  const llm = client();
  const openai = sdk(llm);
  const answer = await openai.chat.completions.create({ model: llm.model, messages: hello() });
  assert.ok(answer.choices[0].message.content.length > 0);
  const stream = await openai.chat.completions.create({ model: llm.model, messages: hello(), stream: true, stream_options: { include_usage: true } });
  let usage;
  for await (const chunk of stream) usage = chunk.usage ?? usage;
  assert.ok(usage.total_tokens > 0);
  assert.deepEqual([llm.keyPool.inFlight, llm.stats().succeeded], [0, 2]);
  assert.equal(llm.outputTokenCount, answer.usage.completion_tokens + usage.completion_tokens);
  assert.deepEqual(llm.keyPool.statuses().map((key) => key.succeeded), [1, 1, 0]);
});

test("openai: limits and outages are retried here, and here alone", async () => {
  const llm = client({ maxRetries: 1 });
  const openai = sdk(llm); // with its own two retries, which must not multiply ours
  assert.ok((await openai.chat.completions.create({ model: "fault-once-429", messages: hello(llm.model) })).id);
  const before = llm.stats().attempts;
  const error = await failure(openai.chat.completions.create({ model: "fault-503", messages: hello() }));
  assert.ok(error instanceof OpenAI.InternalServerError);
  assert.equal(llm.stats().attempts - before, 2);
  const reset = await failure(openai.chat.completions.create({ model: "fault-reset", messages: hello() }));
  assert.ok(reset instanceof OpenAI.APIError && reset.status === 502, String(reset));
  assert.equal(llm.stats().attempts - before, 4);
  assert.equal(llm.keyPool.inFlight, 0);
});

test("openai: leaving a stream and aborting a call free the key", async () => {
  const llm = client();
  const openai = sdk(llm);
  for await (const _ of await openai.chat.completions.create({ model: "fault-stall-3", messages: hello(), stream: true })) break;
  await until(() => llm.keyPool.inFlight === 0);
  const controller = new AbortController();
  const call = failure(openai.chat.completions.create({ model: "fault-silence", messages: hello() }, { signal: controller.signal }));
  await until(() => llm.keyPool.inFlight === 1);
  controller.abort();
  assert.ok((await call) instanceof OpenAI.APIUserAbortError);
  await until(() => llm.keyPool.inFlight === 0);
  assert.equal(llm.stats().cancelled, 2);
});

test("the Vercel AI SDK: answers, streams and errors", async () => {
  const llm = client({ maxRetries: 1 });
  const provider = createOpenAICompatible({ name: "lockkeeper", baseURL: baseUrl, fetch: llm.fetch });
  const answer = await generateText({ model: provider(llm.model), prompt: "Hello!", maxRetries: 0 });
  assert.ok(answer.text.length > 0);
  let text = "";
  for await (const piece of streamText({ model: provider(llm.model), prompt: "Hello!", maxRetries: 0 }).textStream) text += piece;
  assert.equal(text, answer.text);
  const before = llm.stats().attempts;
  const error = await failure(generateText({ model: provider("fault-503"), prompt: "Hello!", maxRetries: 0 }));
  assert.equal(error.statusCode, 503);
  assert.deepEqual([llm.stats().attempts - before, llm.keyPool.inFlight], [2, 0]);
});

test("bytes pass as they are, and what the caller sends as a key does not", async () => {
  const seen = [];
  const own = async (url, init) => {
    seen.push({ url, headers: new Headers(init.headers), body: new TextDecoder().decode(init.body) });
    return new Response('{"id":12345678901234567890,"\u00e4":1}', { headers: { "content-type": "application/json", "x-request-id": "r1" } });
  };
  const llm = client({ fetch: own });
  const body = '{ "seed": 12345678901234567890 }';
  const response = await llm.fetch(`${baseUrl}/embeddings?a=1`, {
    method: "POST",
    body,
    headers: { authorization: "Bearer theirs", "api-key": "theirs", cookie: "theirs", "x-mine": "1", "content-type": "application/json" },
  });
  assert.equal(await response.text(), '{"id":12345678901234567890,"\u00e4":1}');
  assert.equal(response.headers.get("x-request-id"), "r1");
  const [sent] = seen;
  assert.deepEqual([sent.url, sent.body, sent.headers.get("x-mine")], [`${baseUrl}/embeddings?a=1`, body, "1"]);
  assert.equal(sent.headers.get("authorization"), "Bearer sk-js-test-key-0001");
  assert.ok(![...sent.headers.values()].some((value) => value.includes("theirs")));
  await (await llm.fetch(new Request(`${baseUrl}/models`))).text();
  assert.equal(seen[1].url, `${baseUrl}/models`);
});

test("a key goes to no other address", async () => {
  const llm = client();
  for (const url of ["https://evil.example.com/v1/x", baseUrl.replace("/v1", "/v2/x"), `${baseUrl}/../admin`, "/v1/relative"]) {
    assert.ok((await failure(llm.fetch(url))) instanceof ConfigError, url);
  }
  assert.equal(llm.stats().attempts, 0);
});

test("answers without a body end their call", async () => {
  const llm = client({ fetch: async () => new Response(null, { status: 204 }) });
  assert.equal((await llm.fetch(`${baseUrl}/files/1`, { method: "DELETE" })).status, 204);
  assert.deepEqual([llm.keyPool.inFlight, llm.stats().succeeded], [0, 1]);
});

test("a small answer that nobody reads holds no key", async () => {
  const llm = client();
  assert.equal((await llm.fetch(`${baseUrl}/models`)).status, 200);
  await until(() => llm.keyPool.inFlight === 0);
  assert.equal(llm.stats().succeeded, 1);
});

test("what the host's own fetch refuses is refused at once", async () => {
  const llm = client();
  for (const init of [{ body: "x" }, { method: "TRACE" }, { method: "no method" }]) {
    assert.ok((await failure(llm.fetch(`${baseUrl}/models`, init))) instanceof TypeError, JSON.stringify(init));
  }
  assert.equal(llm.stats().attempts, 0);
  assert.equal((await llm.fetch(`${baseUrl}/models`, null)).status, 200);
});

test("a redirect is told, not passed on", async () => {
  const response = await client({ maxRetries: 0 }).fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "fault-redirect", messages: hello() }),
  });
  assert.equal(response.status, 502);
  assert.match((await response.json()).error.message, /redirects to/);
});
