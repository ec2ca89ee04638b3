// Streamed answers: reading, leaving, aborting, and what is told at the end.

import assert from "node:assert/strict";
import test from "node:test";
import { ChatStream, ConfigError, ServerError, TruncatedError } from "lockkeeper";
import { client, failure, hello, requestsOf, until } from "./provider.mjs";

test("chunks arrive, then the stream has finished and is counted", async () => {
  const llm = client();
  const stream = llm.chatStream(hello());
  assert.equal(llm.stats().attempts, 0, "nothing is sent before it is read");
  let text = "";
  let chunks = 0;
  for await (const chunk of stream) {
    assert.equal(chunk.object, "chat.completion.chunk");
    text += chunk.choices[0]?.delta.content ?? "";
    chunks += 1;
  }
  assert.ok(chunks > 5);
  assert.deepEqual([stream.state, stream.partial.text], ["finished", text]);
  assert.match(stream.keyLabel, /^…000\d$/);
  const usage = await stream.usage();
  assert.equal(usage.estimated, undefined);
  assert.deepEqual([llm.inputTokenCount, llm.outputTokenCount], [usage.prompt_tokens, usage.completion_tokens]);
  assert.deepEqual([llm.stats().succeeded, llm.keyPool.inFlight], [1, 0]);
  assert.equal((await stream.result()).choices[0].message.content, text);
});

test("text(), textStream and result() read to the end", async () => {
  const llm = client();
  const content = `the same ${process.pid}`;
  const text = await llm.chatStream(hello(content)).text();
  let pieces = [];
  for await (const piece of llm.chatStream(hello(content)).textStream) pieces.push(piece);
  assert.ok(pieces.length > 3 && pieces.every((piece) => piece !== ""));
  assert.equal(pieces.join(""), text);
  const result = await llm.chatStream(hello(content)).result();
  const whole = await llm.chat(hello(content));
  assert.deepEqual(
    [result.object, result.choices[0].message.content, result.choices[0].finish_reason, result.usage.total_tokens],
    [whole.object, whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.total_tokens],
  );
});

test("usage() and result() may be asked for while somebody reads", async () => {
  const stream = client().chatStream(hello());
  let both;
  for await (const _ of stream) both ??= Promise.all([stream.usage(), stream.result()]);
  const [usage, result] = await both;
  assert.equal(result.usage.total_tokens, usage.total_tokens);
});

test("a second reader is an error", async () => {
  const stream = client().chatStream(hello());
  const reading = stream.text();
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, ConfigError);
  assert.ok((await reading).length > 0);
});

test("leaving the loop ends the request", async () => {
  const llm = client();
  const stream = llm.chatStream(hello());
  for await (const _ of stream) break;
  assert.deepEqual([stream.state, llm.keyPool.inFlight, llm.stats().cancelled], ["cancelled", 0, 1]);
  assert.ok(llm.outputTokenCount > 0, "what has come is counted");
  assert.equal((await stream.usage()).estimated, true);
  await assert.rejects(stream.text(), { name: "AbortError" });
});

test("an abort while next() is pending rejects it with the reason", async () => {
  const llm = client();
  const stream = llm.chatStream(hello(), { model: "fault-stall-3" });
  const iterator = stream[Symbol.asyncIterator]();
  for (let chunk = 0; chunk < 3; chunk += 1) await iterator.next();
  const pending = failure(iterator.next());
  const reason = new Error("stop");
  stream.abort(reason);
  assert.equal(await pending, reason);
  assert.deepEqual([stream.state, llm.keyPool.inFlight], ["cancelled", 0]);
  const silent = llm.chatStream(hello(), { model: "fault-silence" });
  const text = failure(silent.text());
  await until(() => llm.keyPool.inFlight === 1);
  silent.abort();
  assert.equal((await text).name, "AbortError");
});

test("an abort closes the provider's socket", async () => {
  const content = `to be left ${process.pid}`;
  const stream = client().chatStream(hello(content), { model: "fault-stall-3" });
  for await (const _ of stream) break;
  const ended = async () => (await requestsOf("fault-stall-3")).find((request) => request.body.messages[0].content === content)?.finished;
  await until(async () => (await ended()) === "client_closed", 500);
});

test("a listener may abort from within the engine", async () => {
  const llm = client();
  const stream = llm.chatStream(hello());
  llm.on("headers", () => stream.abort("from within"));
  assert.equal(await failure(stream.text()), "from within");
  await until(() => llm.keyPool.inFlight === 0);
});

test("a signal aborts a stream, whenever", async () => {
  const controller = new AbortController();
  const stream = client().chatStream(hello(), { model: "fault-silence", signal: controller.signal });
  const text = failure(stream.text());
  controller.abort("now");
  assert.equal(await text, "now");
  assert.equal(await failure(client().chatStream(hello(), { signal: controller.signal }).text()), "now");
});

test("a cut is an error with what had come, never a success", async () => {
  for (const [model, kind, state] of [
    ["fault-cut-5", TruncatedError, "truncated"],
    ["fault-end-early-5", TruncatedError, "truncated"],
    ["fault-error-in-stream-5", ServerError, "failed"],
  ]) {
    const llm = client({ maxRetries: 0 });
    const stream = llm.chatStream(hello(), { model });
    let text = "";
    const error = await failure(
      (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      })(),
    );
    assert.ok(error instanceof kind, `${model}: ${error}`);
    assert.equal(error.partial.text, text);
    assert.ok(text !== "" && error.usage.estimated);
    assert.deepEqual([stream.state, llm.stats().failed, llm.keyPool.inFlight], [state, 1, 0]);
    assert.equal(await failure(stream.result()), error);
  }
});

test("a failure before the first token is asked for again", async () => {
  const llm = client();
  assert.ok((await llm.chatStream(hello(`once ${llm.model}`), { model: "fault-once-cut-1" }).text()).length > 0);
  assert.equal(llm.stats().attempts, 2);
});

test("an event stream for a browser", async () => {
  const response = client().chatStream(hello()).toResponse({ headers: { "x-mine": "1" } });
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  assert.equal(response.headers.get("x-mine"), "1");
  const events = (await response.text()).trimEnd().split("\n\n");
  assert.equal(events.at(-1), "data: [DONE]");
  assert.ok(events.slice(0, -1).every((event) => JSON.parse(event.slice(6)).object === "chat.completion.chunk"));
  const failed = client({ maxRetries: 0 }).chatStream(hello(), { model: "fault-cut-5" }).toReadableStream();
  const last = (await new Response(failed).text()).trimEnd().split("\n\n").at(-1);
  assert.equal(JSON.parse(last.slice(6)).error.code, "truncated");
});

test("an event stream that is left ends the request", async () => {
  const llm = client();
  const reader = llm.chatStream(hello(), { model: "fault-stall-3" }).toReadableStream().getReader();
  await reader.read();
  await reader.cancel();
  assert.deepEqual([llm.keyPool.inFlight, llm.stats().cancelled], [0, 1]);
});

test("disposing ends the request", async () => {
  const llm = client();
  const stream = llm.chatStream(hello(), { model: "fault-stall-3" });
  await stream[Symbol.asyncIterator]().next();
  assert.equal(llm.keyPool.inFlight, 1);
  await stream[Symbol.asyncDispose]();
  assert.equal(llm.keyPool.inFlight, 0);
});

test("chunks of one's own make a stream", async () => {
  const chunk = (content, finish_reason = null) => ({ choices: [{ index: 0, delta: { content }, finish_reason }] });
  async function* own() {
    yield chunk("Hel");
    yield chunk("lo", "stop");
  }
  assert.equal(await ChatStream.from(own(), hello()).text(), "Hello");
  const stream = ChatStream.from([chunk("a"), chunk("b", "stop")]);
  assert.equal((await stream.result()).choices[0].message.content, "ab");
  assert.equal((await stream.usage()).estimated, true);
  async function* broken() {
    yield chunk("a");
    throw new Error("mine");
  }
  assert.equal((await failure(ChatStream.from(broken()).text())).message, "mine");
});

test("what is no request is told to whoever reads", async () => {
  const stream = client().chatStream([], { timeout: 30_000 });
  const error = await failure(stream.text());
  assert.deepEqual(error.problems.map((problem) => problem.path), ["messages", "timeout"]);
  assert.throws(() => new ChatStream(), TypeError);
});
