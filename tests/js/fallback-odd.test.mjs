// Odd company and odd moments: targets of somebody's own that misbehave, fallbacks within fallbacks, what is left behind.

import assert from "node:assert/strict";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ConfigError, ConnectionError, Fallback, OpenAICompatible, ServerError, TimeoutError, TruncatedError } from "lockkeeper";
import { baseUrl, client, failure, hello, requestsOf, until } from "./provider.mjs";

const chunk = (content, finish_reason = null) => ({ choices: [{ index: 0, delta: { content }, finish_reason }] });
const answer = (text) => ({ choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }] });

/** An interface that answers well, but for what is given. */
const own = (more) => ({
  chat: async () => answer("own"),
  async *chatStream() {
    yield* [chunk("own"), chunk("", "stop")];
  },
  ...more,
});

const fails = (error) => async function* () {
  yield chunk("Half ");
  throw error;
};

test("a target whose stream can't even be asked for is gone on from", async () => {
  const throws = () => {
    throw new TypeError("not today");
  };
  for (const chatStream of [throws, async () => [], () => undefined, () => 5]) {
    const llm = new Fallback([own({ chatStream }), own()]);
    for (let i = 0; i < 6; i++) assert.equal(await llm.chatStream(hello()).text(), "own");
    assert.equal(llm.statuses()[0].circuit, "open");
  }
});

test("a target that is left may fail as it likes", async () => {
  const bad = () => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => Promise.reject(new Error("down")),
      return() {
        throw new Error("return failed");
      },
    }),
  });
  assert.equal(await new Fallback([own({ chatStream: bad }), own()]).chatStream(hello()).text(), "own");
  const silent = { ...bad()[Symbol.asyncIterator](), next: () => new Promise(() => {}) };
  const stream = new Fallback([own({ chatStream: () => ({ [Symbol.asyncIterator]: () => silent }) })]).chatStream(hello());
  const waiters = [stream.text(), stream.result()].map(failure);
  await new Promise((resolve) => setTimeout(resolve, 20));
  stream.abort();
  for (const waiter of waiters) assert.equal((await waiter).name, "AbortError");
});

test("what was shown is in the error, which is typed, whatever was thrown", async () => {
  for (const [thrown, type] of [[new Error("no"), ConnectionError], ["just a string", ConnectionError], [Object.freeze(new Error("cold")), ConnectionError], [new ServerError("busy"), ServerError]]) {
    const error = await failure(new Fallback([own({ chatStream: fails(thrown) })]).chatStream(hello()).text());
    assert.ok(error instanceof type, `${error}`);
    assert.deepEqual([error.partial.text, error.attempts.length, error.usage.estimated], ["Half ", 1, true]);
  }
  const stalls = async function* () {
    yield chunk("Half ");
    await new Promise(() => {});
  };
  for (const options of [{ timeout: 0.2 }, { idleTimeout: 0.2 }]) {
    const error = await failure(new Fallback([own({ chatStream: stalls }), own()]).chatStream(hello(), options).text());
    assert.ok(error instanceof TimeoutError && error.partial.text === "Half ");
  }
  const cut = client({ model: "fault-cut-3" });
  const down = client({ model: "fault-503", maxRetries: 0 });
  const error = await failure(new Fallback([cut, down], { onInterrupt: "restart" }).chatStream(hello()).text());
  assert.ok(error instanceof ServerError && error.partial.text.length > 0);
  assert.match(error.stack, /fallback-odd\.test\.mjs/);
});

test("rubbish in a stream is a failure of the target", async () => {
  const rubbish = async function* () {
    yield chunk("Half ");
    yield null;
  };
  const llm = new Fallback([own({ chatStream: rubbish }), own()], { onInterrupt: "restart" });
  assert.equal(await llm.chatStream(hello()).text(), "own");
});

test("answers may be frozen, or shared, or none", async () => {
  const frozen = Object.freeze(answer("frozen"));
  const llm = new Fallback([own({ chat: async () => frozen }), own()]);
  for (let i = 0; i < 2; i++) {
    const { choices, answeredBy } = await llm.chat(hello());
    assert.deepEqual([choices[0].message.content, answeredBy.model], ["frozen", "target 1"]);
  }
  assert.equal((await new Fallback([own({ chat: async () => undefined }), own()]).chat(hello())).answeredBy.model, "target 2");
});

test("the original messages and options are what every target is asked", async () => {
  const backup = client();
  const llm = new Fallback([client({ model: "fault-cut-3" }), backup], { onInterrupt: "restart" });
  const [messages, options] = [hello("original"), { temperature: 0.5 }];
  for await (const chunk of llm.chatStream(messages, options)) {
    if (messages.length === 1) messages.push({ role: "assistant", content: chunk.choices[0]?.delta.content ?? "prefill" });
    options.temperature = 1;
  }
  const [{ body }] = await requestsOf(backup.model);
  assert.deepEqual([body.messages, body.temperature], [hello("original"), 0.5]);
});

test("options may be inherited, and must be options", async () => {
  const primary = client({ model: "fault-503" });
  const llm = new Fallback([primary]);
  await failure(llm.chat(hello(), Object.create({ maxRetries: 0 })));
  assert.equal(primary.stats().attempts, 1);
  for (const ask of [() => llm.chat(hello(), "x"), () => llm.chatStream(hello(), "x").text()]) assert.ok((await failure(ask())) instanceof ConfigError);
  for (const modelInfo of [{ timeout: "30" }, { timeout: 20_000 }, { contextWindow: -1 }]) assert.throws(() => new Fallback([own({ modelInfo })]), ConfigError);
});

test("a target that is left is told, and asks nobody else", async () => {
  let signal;
  const listens = own({ chat: (_, options) => new Promise(() => (signal = options.signal)) });
  assert.equal((await new Fallback([listens, own()]).chat(hello(), { timeout: 0.4 })).answeredBy.model, "target 2");
  assert.equal(signal.aborted, true);
  const [silent, cheap, outer] = [client({ model: "fault-silence" }), client(), client()];
  const nested = new Fallback([new Fallback([silent, cheap]), outer]);
  assert.equal((await nested.chat(hello(), { timeout: 2 })).answeredBy.model, cheap.model);
  assert.deepEqual([silent.stats().attempts, outer.stats().attempts], [1, 0], "the inner shares what it is given");
});

test("the fallbacks of a file hold behind a fallback, and attempts say whose they are", async () => {
  const entry = (model, more) => ({ api_keys: ["sk-of-a-file"], base_url: baseUrl, model, max_retries: 0, rate_limit_capacity: 1000, ...more });
  const file = { odd: { a: entry("fault-503", { fallbacks: ["even/b"] }) }, even: { b: entry("fault-402") } };
  const llm = new Fallback([OpenAICompatible.loadFromJson(file).odd.a, client({ model: "fault-401", apiKeys: ["sk-js-odd-0001"] })]);
  const error = await failure(llm.chat(hello()));
  assert.deepEqual(error.attempts.map(({ target, kind }) => [target.replace(/^js-.*\//, ""), kind]), [
    ["odd/a", "server"],
    ["even/b", "quota_exhausted"],
    ["fault-401", "authentication"],
  ]);
});

test("a restart that is passed on voids which choices have ended", async () => {
  const event = (json) => `data: ${JSON.stringify(json)}\n\n`;
  const body = [event(chunk("Half", "stop")), event({ choices: [], restart: { target: "b", reason: "cut" } }), event(chunk("new ze"))].join("");
  const proxied = client({ maxRetries: 0, fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } }) });
  assert.ok((await failure(proxied.chatStream(hello()).text())) instanceof TruncatedError);
});

test("a stream that is forgotten ends its request", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const llms = [client({ model: "fault-stall-2" }), client({ model: "fault-stall-2" })];
  const begin = async (llm) => void (await llm.chatStream(hello())[Symbol.asyncIterator]().next());
  await begin(new Fallback(llms));
  assert.equal(llms[0].keyPool.inFlight, 1);
  await until(async () => {
    collect();
    return llms[0].keyPool.inFlight === 0;
  });
});

test("an abort leaves no timer behind", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const never = own({ chat: () => new Promise(() => {}), chatStream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }) });
  const llm = new Fallback([never, never]);
  const controller = new AbortController();
  const calls = [llm.chat(hello(), { signal: controller.signal }), llm.chatStream(hello(), { signal: controller.signal }).text()].map(failure);
  controller.abort(new Error("enough"));
  for (const call of calls) assert.equal((await call).message, "enough");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, before);
});
