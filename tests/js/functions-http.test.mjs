// Typed functions over real clients: the embedded provider, and a server of the kind that small models run behind.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import test from "node:test";
import { Fallback, OpenAICompatible, RateLimitError } from "lockkeeper";
import { llmChat, llmFunction, tool } from "lockkeeper/functions";
import { z } from "zod";
import { client, requestsOf, until } from "./provider.mjs";
import { choice, chunksOf, failure } from "./scripted.mjs";

const PERSON = z.object({ name: z.string(), age: z.int(), tags: z.array(z.string()), kind: z.enum(["good", "bad"]), note: z.string().optional() });
const describe = (llm, more) =>
  llmFunction({ llm, description: "Describe the person in {text}.", parameters: z.object({ text: z.string() }), returns: PERSON, ...more });

test("a value, whole and streamed", async () => {
  const llm = client();
  const { value, trace, usage } = await describe(llm).run({ text: "Ada" });
  assert.equal(PERSON.safeParse(value).success, true);
  assert.deepEqual([trace.length, trace[0].strategy, trace[0].answeredBy.model], [1, "json_schema", llm.model]);
  assert.match(trace[0].answeredBy.keyLabel, /^…/);
  assert.equal(usage.total_tokens, llm.inputTokenCount + llm.outputTokenCount);
  const stream = describe(llm).stream({ text: "Ada" });
  let partials = 0;
  for await (const partial of stream) partials += partial ? 1 : 0;
  assert.ok(partials > 3);
  assert.deepEqual(await stream.value, value);
  assert.equal((await stream.result()).trace[0].answeredBy.model, llm.model);
  assert.equal(llm.keyPool.inFlight, 0);
});

test("tools, and a conversation", async () => {
  const llm = client();
  const look = tool({ name: "weather", description: "The weather.", parameters: z.object({ city: z.string() }), execute: ({ city }) => `sunny in ${city}` });
  const { value, trace } = await llmFunction({ llm, description: "Answer.", parameters: z.object({ question: z.string() }), tools: [look] }).run({ question: "What is the weather?" });
  assert.match(value, /The tool says: sunny in /);
  assert.equal(trace[0].toolCalls.length, 1);
  const chat = llmChat({ llm, description: "Be brief.", tools: [look] });
  const turn = chat([], "What is the weather?");
  assert.match(await turn.text, /The tool says: sunny in /);
  assert.deepEqual((await turn.history).map(({ role }) => role), ["user", "assistant", "tool", "assistant"]);
});

test("retries and fallbacks of the layers below apply", async () => {
  const well = client();
  const llm = new Fallback([client({ model: "fault-503", maxRetries: 0 }), well]);
  const { value, trace } = await describe(llm).run({ text: "Ada" });
  assert.equal(PERSON.safeParse(value).success, true);
  assert.deepEqual([trace.length, trace[0].answeredBy.model], [1, well.model]);
  const error = await failure(describe(client({ model: "fault-429" }))({ text: "Ada" }, { timeout: 0.5 }));
  assert.ok(error.cause instanceof RateLimitError && error.retryAt instanceof Date);
  assert.deepEqual([error.kind, error.status, error.trace.length], ["rate_limited", 429, 1]);
});

test("what is aborted ends its request", async () => {
  const llm = client();
  const model = "fault-stall-4";
  const stream = describe(llm).stream({ text: "Ada" }, { model });
  const reading = failure((async () => {
    for await (const _ of stream) stream.abort(new Error("enough"));
  })());
  assert.equal((await reading).message, "enough");
  await until(async () => (await requestsOf(model)).every(({ finished }) => finished !== "open"));
  assert.equal(llm.keyPool.inFlight, 0);
});

// ---------------------------------------------------------------- a server that does not do as it is told

/** Refuses all that it does not know, then answers in turn with these, in events cut into pieces of 1 to 7 bytes. */
async function stubborn(answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const text of request.setEncoding("utf8")) body += text;
    const { stream, ...fields } = JSON.parse(body);
    asked.push(fields);
    const unknown = ["response_format", "tools"].find((name) => name in fields);
    if (unknown) return response.writeHead(422).end(JSON.stringify({ error: { message: `${unknown}: extra fields not permitted` } }));
    const answer = choice(answers[Math.min(asked.filter(({ response_format, tools }) => !response_format && !tools).length, answers.length) - 1]);
    if (!stream) return response.end(JSON.stringify({ choices: [{ index: 0, ...answer }], usage: answer.usage }));
    const events = [...chunksOf(answer)].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("") + "data: [DONE]\n\n";
    response.writeHead(200, { "content-type": "text/event-stream" });
    const bytes = Buffer.from(events);
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size % 7) + 1) response.write(bytes.subarray(at, at + size));
    response.end();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const llm = new OpenAICompatible({ baseUrl: `http://127.0.0.1:${server.address().port}/v1`, model: "tiny", apiKeys: [], rateLimitCapacity: 100, retryDelay: 0.01 });
  return { llm, asked, close: () => new Promise((closed) => (server.closeAllConnections(), server.close(closed))) };
}

const RIGHT = { name: "Ada", age: 36, tags: ["é", "😀"], kind: "good" };
const ANSWERS = ["I'd say: {'name': 'Ada', 'age': 'about 40',}", `Of course!\n\`\`\`json\n{name: "Ada", "age": "36", "tags": ["é", "😀",], /* ! */ "kind": "Good"}\n\`\`\``];

for (const streamed of [false, true]) {
  test(`a server that refuses all and a model that disobeys, ${streamed ? "streamed" : "whole"}`, async (context) => {
    const server = await stubborn(ANSWERS);
    context.after(server.close);
    const call = describe(server.llm);
    const { value, trace } = await (streamed ? call.stream({ text: "…" }).result() : call.run({ text: "…" }));
    assert.deepEqual(value, RIGHT);
    const ways = [["json_schema", true], ["tool", true], ["json_object", true], ["prompt", undefined], ["prompt", undefined]];
    assert.deepEqual(trace.map(({ strategy, refused }) => [strategy, refused]), ways);
    const wrong = ['expected an integer, found "about 40"', "is missing", "is missing"];
    assert.deepEqual(trace[3].errors.map(({ message }) => message), wrong);
    await call({ text: "…" });
    assert.equal(server.asked.length, 6, "what it refuses is not asked again");
  });
}
