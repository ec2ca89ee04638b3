// Typed functions whose values are read while they arrive.

import assert from "node:assert/strict";
import test from "node:test";
import { ChatStream } from "lockkeeper";
import { llmFunction } from "lockkeeper/functions";
import { z } from "zod";
import { calling, choice, chunksOf, comes, failure, refusing, scripted } from "./scripted.mjs";

const PEOPLE = z.object({ people: z.array(z.object({ name: z.string(), age: z.number().nullable() })), done: z.boolean() });
const RIGHT = { people: [{ name: "Ada \"L.\" 😀", age: 36 }, { name: "Bob\n", age: null }], done: true };

const extract = (llm, more) => llmFunction({ llm, description: "Extract all people.", returns: PEOPLE, ...more });

async function read(stream) {
  const items = [];
  for await (const item of stream) items.push({ attempt: stream.attempt, item });
  return items;
}

/** Whether a value holds no more than a later one, and nothing else. */
function growsTo(value, later) {
  if (typeof value === "string") return typeof later === "string" && later.startsWith(value);
  if (typeof value !== "object" || value === null) return value === later;
  return Object.entries(value).every(([key, member]) => key in later && growsTo(member, later[key]));
}

const WRAPPINGS = {
  "plain JSON": (json) => json,
  "a fence and prose": (json) => `Sure! [Here] it is:\n\`\`\`json\n${json}\n\`\`\`\nBye!`,
  "thinking first": (json) => `<think>Is it {"people": []}?</think>${json}`,
};

for (const [name, wrap] of Object.entries(WRAPPINGS)) {
  test(`a value grows out of ${name}`, async () => {
    const llm = scripted(wrap(JSON.stringify(RIGHT, null, 1)));
    const stream = extract(llm).stream();
    const items = await read(stream);
    assert.ok(items.length > 10, `${items.length} items`);
    for (const [index, { item, attempt }] of items.entries()) {
      assert.equal(attempt, 1);
      if (index > 0) assert.ok(growsTo(items[index - 1].item, item), `${JSON.stringify(items[index - 1])} to ${JSON.stringify(item)}`);
    }
    assert.deepEqual(items.at(-1).item, RIGHT);
    assert.deepEqual(await stream.value, RIGHT);
    const { trace, usage } = await stream.result();
    assert.deepEqual([trace.length, trace[0].strategy, usage.total_tokens], [1, "json_schema", 15]);
  });
}

test("the arguments of a tool call grow, too", async () => {
  const llm = scripted(refusing("response_format is not supported"), calling(["answer", RIGHT]));
  const items = await read(extract(llm).stream());
  assert.ok(items.length > 10);
  assert.deepEqual([items[0].attempt, items.at(-1).item], [2, RIGHT]);
});

test("partials begin anew with a repair, and say so", async () => {
  const llm = scripted('{"people": [{"name": "Ada", "age": "old"}], "done": true}', JSON.stringify(RIGHT));
  const items = await read(extract(llm).stream());
  const last = items.findLast(({ attempt }) => attempt === 1).item;
  assert.deepEqual(last, { people: [{ name: "Ada", age: "old" }], done: true });
  assert.deepEqual(items.find(({ attempt }) => attempt === 2).item, {});
  assert.deepEqual(items.at(-1), { attempt: 2, item: RIGHT });
});

test("texts grow without the thinking before them", async () => {
  const llm = scripted("<think>hm, hm</think>Once upon a time");
  const items = (await read(llmFunction({ llm, description: "Tell." }).stream())).map(({ item }) => item);
  assert.deepEqual([items[0].length < 8, items.at(-1)], [true, "Once upon a time"]);
  assert.ok(items.every((item) => "Once upon a time".startsWith(item)));
});

test("a long value is read in steps, and costs no more for that", async () => {
  const people = Array.from({ length: 2000 }, (_, age) => ({ name: `Person no. ${age}`, age }));
  const right = { people, done: true };
  const llm = scripted(JSON.stringify(right));
  let items = 0;
  let last;
  for await (last of extract(llm).stream()) items += 1;
  assert.deepEqual(last, right);
  assert.ok(items > 500 && items < 3000, `${items} items`);
});

test("nothing is asked before it is read; the value alone may be read", async () => {
  const llm = scripted(JSON.stringify(RIGHT));
  const stream = extract(llm).stream();
  await new Promise(setImmediate);
  assert.equal(llm.asked.length, 0);
  assert.deepEqual(await stream.value, RIGHT);
  const both = extract(llm).stream();
  const [value, items] = await Promise.all([both.value, read(both)]);
  assert.deepEqual([value, items.at(-1).item], [RIGHT, RIGHT]);
  assert.throws(() => both[Symbol.asyncIterator](), { name: "ConfigError", message: /one reader/ });
  assert.equal(llm.asked.length, 2);
});

test("an answer that begins anew on another target does so here", async () => {
  const restart = { choices: [], restart: { target: "b", reason: "gone" } };
  async function* chunks() {
    yield* [...chunksOf(choice('{"people": [{"name": "Eve"'))].slice(0, -2);
    yield restart;
    yield* chunksOf(choice(JSON.stringify(RIGHT)));
  }
  const llm = { chat: undefined, chatStream: () => ChatStream.from(chunks()) };
  const items = await read(extract({ ...llm, chat() {} }).stream());
  assert.ok(items.some(({ item }) => item.people?.[0]?.name === "Eve"));
  assert.deepEqual(items.at(-1).item, RIGHT);
});

test("leaving the loop ends the request", async () => {
  const llm = scripted(JSON.stringify(RIGHT));
  const stream = extract(llm).stream();
  for await (const { people } of stream) if (people?.length) break;
  await new Promise(setImmediate);
  assert.deepEqual([llm.left, llm.asked[0].options.signal.aborted], [1, true]);
  assert.equal((await failure(stream.value)).name, "AbortError");
});

test("an abort ends a stream that hangs, for its reader and for who waits", async () => {
  const hanging = { chat() {}, chatStream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => new Promise(() => {}) }) }) };
  const reason = new Error("enough");
  const stream = extract(hanging).stream();
  const [reader, waiting] = [failure(stream[Symbol.asyncIterator]().next()), failure(stream.value)];
  await new Promise(setImmediate);
  stream.abort(reason);
  assert.deepEqual([await reader, await waiting], [reason, reason]);
  const controller = new AbortController();
  const signalled = failure(read(extract(hanging).stream({}, { signal: controller.signal })));
  await new Promise(setImmediate);
  controller.abort(reason);
  assert.equal(await signalled, reason);
});

test("an abort between two items is told at the next", async () => {
  const llm = scripted(JSON.stringify(RIGHT));
  const stream = extract(llm).stream();
  const reason = new Error("enough");
  const reading = failure((async () => {
    for await (const { people } of stream) if (people?.length) stream.abort(reason);
  })());
  assert.equal(await reading, reason);
  await new Promise(setImmediate);
  assert.equal(llm.left, 1);
});

test("what is aborted before it is read is never asked for", async () => {
  const llm = scripted(JSON.stringify(RIGHT));
  const reason = new Error("enough");
  const stream = extract(llm).stream();
  stream.abort(reason);
  assert.equal(await failure(read(stream)), reason);
  assert.equal(await failure(stream.value), reason);
  const using = extract(llm).stream();
  using[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  assert.equal((await failure(using.value)).name, "AbortError");
  assert.equal(llm.asked.length, 0);
});

test("the deadline ends a stream, and the error has what had come", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  async function* chunks() {
    yield* [...chunksOf(choice('{"people": [{"name": "Ada"'))].slice(0, -2);
    await new Promise(() => {});
  }
  const stream = extract({ chat() {}, chatStream: () => chunks() }).stream({}, { timeout: 2 });
  let last;
  const reading = failure((async () => {
    for await (const item of stream) last = item;
  })());
  await comes(() => last?.people?.[0]?.name?.endsWith("Ada"));
  context.mock.timers.tick(2000);
  const error = await reading;
  assert.deepEqual([error.kind, error.name, error.trace.length], ["timeout", "LLMFunctionError", 1]);
});

test("a stream that fails is an error with the trace", async () => {
  const llm = scripted(refusing("bad key", 401));
  const stream = extract(llm).stream();
  const error = await failure(read(stream));
  assert.deepEqual([error.trace.length, error.cause.status], [1, 401]);
  assert.equal(await failure(stream.value), error);
});
