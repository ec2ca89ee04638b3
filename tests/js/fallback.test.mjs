// Several interfaces behind one: who is asked, what the caller sees, and what it costs.

import assert from "node:assert/strict";
import test from "node:test";
import {
  ChatStream, CircuitOpenError, ConfigError, ContentPolicyError, Fallback, LLMError, OpenAICompatible, ServerError, TimeoutError, TruncatedError,
} from "lockkeeper";
import { baseUrl, client, failure, hello, requestsOf } from "./provider.mjs";

/** A client whose provider has this fault, and one that is well. */
function pair(fault, options = {}) {
  const primary = client({ model: fault, maxRetries: 1, headersTimeout: 0.3, firstTokenTimeout: 0.3, idleTimeout: 0.3, ...options });
  const backup = client();
  return { primary, backup, llm: new Fallback([primary, backup]) };
}

/** Asks in both ways; what is said must not depend on it. */
async function both(llm, options) {
  const content = `the same ${Math.random()}`;
  const { choices, answeredBy } = await llm.chat(hello(content), options);
  const stream = llm.chatStream(hello(content), options);
  assert.equal(await stream.text(), choices[0].message.content);
  assert.deepEqual(stream.answeredBy.model, answeredBy.model);
  return answeredBy;
}

test("what the primary cannot answer the backup does", async () => {
  for (const fault of ["fault-503", "fault-reset", "fault-401", "fault-402", "fault-403", "fault-404", "fault-quota", "fault-html"]) {
    const { primary, backup, llm } = pair(fault);
    const answeredBy = await both(llm);
    assert.equal(answeredBy.model, backup.modelInfo.model, fault);
    assert.match(answeredBy.keyLabel, /^…000\d$/);
    assert.deepEqual([primary.keyPool.inFlight, backup.keyPool.inFlight], [0, 0], fault);
    assert.equal(backup.stats().succeeded, 2);
    assert.ok(backup.outputTokenCount > 0 && primary.outputTokenCount === 0);
  }
});

test("an answer says who gave it, beside the provider's own fields", async () => {
  const llm = client();
  const answer = await llm.chat(hello());
  const { provider, model, retryDelay } = llm.modelInfo;
  assert.deepEqual(answer.answeredBy, { provider, model, keyLabel: answer.answeredBy.keyLabel });
  assert.equal(retryDelay, 0.01);
  assert.equal((await llm.chat(hello(), { model: "another" })).answeredBy.model, "another");
  assert.ok(!JSON.stringify(answer).includes("answeredBy") && !Object.keys(answer).includes("answeredBy"));
});

test("a silent primary is asked once", async () => {
  const { primary, llm } = pair("fault-silence", { maxRetries: 5 });
  const started = performance.now();
  await llm.chatStream(hello()).text();
  assert.equal(primary.stats().attempts, 1);
  await llm.chat(hello(), { headersTimeout: 0.3 });
  await llm.chat(hello(), { timeout: 1 }); // half of it is left for the backup
  assert.equal(primary.stats().attempts, 3);
  assert.ok(performance.now() - started < 2000);
});

test("what the backup would refuse too goes nowhere", async () => {
  const refuse = async () => Response.json({ error: { message: "no", code: "content_filter" } }, { status: 400 });
  const { backup, llm } = pair("any", { fetch: refuse });
  assert.ok((await failure(llm.chat(hello()))) instanceof ContentPolicyError);
  assert.ok((await failure(llm.chatStream(hello()).text())) instanceof ContentPolicyError);
  assert.ok((await failure(llm.chat([]))) instanceof ConfigError);
  assert.equal(backup.stats().attempts, 0);
});

test("one deadline spans all targets", async () => {
  for (const ask of [(llm, options) => llm.chat(hello(), options), (llm, options) => llm.chatStream(hello(), options).text()]) {
    const silent = () => client({ model: "fault-silence" });
    const llm = new Fallback([silent(), silent(), silent()]);
    const started = performance.now();
    const error = await failure(ask(llm, { timeout: 0.9 }));
    const took = performance.now() - started;
    assert.ok(took > 850 && took < 1300, `${took}`);
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.attempts.length, 3);
    assert.deepEqual(error.attempts.map(({ startedAfter }) => Math.round(startedAfter * 10)), [0, 3, 6]);
    assert.match(error.attempts[0].target, /^js-\d+-\d+\//);
  }
});

test("the error of a full failure lists every attempt, and names the caller", async function namesTheCaller() {
  const llm = new Fallback([client({ model: "fault-503", maxRetries: 1 }), client({ model: "fault-402" })]);
  const error = await failure(llm.chat(hello()));
  assert.ok(error instanceof LLMError);
  assert.match(error.message, /^no target answered: js-.*: server: .*; js-.*: quota_exhausted: /);
  assert.deepEqual(error.attempts.map(({ kind }) => kind), ["server", "server", ...Array(3).fill("quota_exhausted")]);
  assert.match(error.stack, /fallback\.test\.mjs/);
});

test("aborting rejects with the reason, and nobody else is asked", async () => {
  for (const ask of [(llm, options) => llm.chat(hello(), options), (llm, options) => llm.chatStream(hello(), options).text()]) {
    const { primary, backup, llm } = pair("fault-silence", { headersTimeout: 30 });
    const reason = new Error("enough");
    const call = ask(llm, { signal: AbortSignal.any([AbortSignal.timeout(50)].map((signal) => mapped(signal, reason))) });
    assert.equal(await failure(call), reason);
    assert.deepEqual([backup.stats().attempts, primary.keyPool.inFlight], [0, 0]);
  }
});

/** A signal with a reason of our own. */
function mapped(signal, reason) {
  const controller = new AbortController();
  signal.addEventListener("abort", () => controller.abort(reason));
  return controller.signal;
}

test("a stream that breaks ends with what it had", async () => {
  const { backup, llm } = pair("fault-cut-3");
  const error = await failure(llm.chatStream(hello()).text());
  assert.ok(error instanceof TruncatedError);
  assert.ok(error.partial.text.length > 0 && error.usage.completion_tokens > 0);
  assert.deepEqual([error.attempts.length, backup.stats().attempts], [1, 0]);
});

test("or begins anew, and says so", async () => {
  const { primary, backup, llm } = pair("fault-cut-3");
  const stream = llm.chatStream(hello(), { onInterrupt: "restart" });
  const events = [];
  let text = "";
  for await (const chunk of stream) {
    if (chunk.restart) {
      events.push(chunk.restart);
      assert.ok(text.length > 0);
      text = "";
    }
    text += chunk.choices[0]?.delta.content ?? "";
  }
  assert.equal(events.length, 1);
  assert.equal(events[0].target, `${backup.modelInfo.provider}/${backup.model}`);
  assert.equal(stream.partial.text, text);
  assert.equal(stream.answeredBy.model, backup.model);
  assert.ok(primary.outputTokenCount > 0, "what was cut has cost something there");
  const [, sent] = await requestsOf(backup.model);
  assert.equal(sent, undefined, "one request");
  assert.equal(text, (await backup.chat(hello())).choices[0].message.content);
});

test("whoever wants the whole answer gets it whole", async () => {
  const { backup, llm } = pair("fault-cut-3");
  const whole = (await backup.chat(hello())).choices[0].message.content;
  const restart = { onInterrupt: "restart" };
  assert.equal(await llm.chatStream(hello(), restart).text(), whole);
  const result = await llm.chatStream(hello(), restart).result();
  assert.deepEqual([result.choices[0].message.content, result.restart], [whole, undefined]);
  assert.equal(await new Fallback([client({ model: "fault-stall-3", idleTimeout: 0.2 }), backup], restart).chatStream(hello()).text(), whole);
  // One client alone is begun anew itself, but not for ever.
  const alone = client({ model: "fault-once-cut-3" });
  assert.equal(await alone.chatStream(hello(`alone ${Math.random()}`), restart).text() !== "", true);
  assert.equal(alone.stats().attempts, 2);
  const error = await failure(client({ model: "fault-cut-3" }).chatStream(hello(), restart).text());
  assert.deepEqual([error.kind, error.attempts.length], ["truncated", 4]);
});

test("a text stream cannot take back what it said", async () => {
  const { llm } = pair("fault-cut-3");
  const stream = llm.chatStream(hello(), { onInterrupt: "restart" });
  let said = "";
  const read = async () => {
    for await (const text of stream.textStream) said += text;
  };
  assert.ok((await failure(read())) instanceof TruncatedError);
  assert.ok(said.length > 0);
});

test("the events of a stream that begins anew are passed on", async () => {
  const { backup, llm } = pair("fault-cut-3");
  const events = await new Response(llm.chatStream(hello(), { onInterrupt: "restart" }).toReadableStream()).text();
  const chunks = events.split("\n\n").slice(0, -2).map((event) => JSON.parse(event.slice(6)));
  assert.equal(chunks.filter((chunk) => chunk.restart).length, 1);
  const proxied = client({ fetch: async () => new Response(events, { headers: { "content-type": "text/event-stream" } }) });
  assert.equal(await proxied.chatStream(hello()).text(), (await backup.chat(hello())).choices[0].message.content);
});

test("an outage opens the circuit, and a probe closes it", async () => {
  let down = true;
  let asked = 0;
  const primary = client({
    maxRetries: 0,
    fetch: (url, init) => {
      asked += 1;
      return down ? Promise.resolve(new Response("", { status: 503 })) : fetch(url, init);
    },
  });
  const llm = new Fallback([primary, client()]);
  for (let i = 0; i < 20; i++) await llm.chat(hello());
  assert.equal(asked, 5);
  assert.deepEqual(llm.statuses().map(({ circuit }) => circuit), ["open", "closed"]);
  down = false;
  await new Promise((resolve) => setTimeout(resolve, 5100));
  const answers = await Promise.all(Array.from({ length: 10 }, () => llm.chat(hello())));
  assert.equal(answers.filter(({ answeredBy }) => answeredBy.model === primary.model).length, 1, "one probe at a time");
  assert.equal((await llm.chat(hello())).answeredBy.model, primary.model);
  assert.equal(llm.statuses()[0].circuit, "closed");
});

test("with every circuit open the error says when to come back", async () => {
  const down = () => client({ maxRetries: 0, fetch: async () => new Response("", { status: 503 }) });
  const llm = new Fallback([down(), down()]);
  for (let i = 0; i < 5; i++) assert.ok((await failure(llm.chat(hello()))) instanceof ServerError);
  const error = await failure(llm.chat(hello()));
  assert.ok(error instanceof CircuitOpenError && error.kind === "circuit_open");
  const wait = error.retryAt - Date.now();
  assert.ok(wait > 3000 && wait <= 5000, `${wait}`);
});

test("objects of one's own are targets too", async () => {
  const answer = (text) => ({ id: "", object: "chat.completion", created: 0, model: "own", choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }] });
  const chunk = (content, finish_reason = null) => ({ choices: [{ index: 0, delta: { content }, finish_reason }] });
  const own = {
    chat: async () => answer("own"),
    async *chatStream() {
      yield chunk("");
      yield chunk("own");
      yield chunk("", "stop");
    },
  };
  const never = () => new Promise(() => {});
  let left = 0;
  const silent = {
    chat: never,
    chatStream: () => ({ [Symbol.asyncIterator]: () => ({ next: never, return: async () => void (left += 1) }) }),
  };
  const throws = { chat: async () => JSON.parse("{"), chatStream: () => ChatStream.from((async function* () { throw new Error("no"); })()) };
  const llm = new Fallback([silent, throws, own]);
  const options = { timeout: 0.9 };
  assert.equal((await llm.chat(hello(), options)).choices[0].message.content, "own");
  const stream = llm.chatStream(hello(), options);
  assert.equal(await stream.text(), "own");
  assert.deepEqual(stream.answeredBy, { provider: "", model: "target 3", keyLabel: "" });
  assert.equal(left, 1);
  const failed = await failure(new Fallback([throws, silent]).chat(hello(), { timeout: 0.2 }));
  assert.deepEqual(failed.attempts.map(({ target, kind }) => [target, kind]), [["target 1", "connection"], ["target 2", "timeout"]]);
  assert.equal((await new Fallback([new Fallback([throws, throws]), llm]).chat(hello(), { timeout: 4 })).choices[0].message.content, "own");
  assert.equal(await failure(new Fallback([silent, own]).chat(hello(), { signal: AbortSignal.abort("why") })), "why");
});

test("a configuration names the fallbacks of an entry", async () => {
  const entry = (model, more) => ({ api_keys: ["sk-of-a-file"], base_url: baseUrl, model, max_retries: 0, rate_limit_capacity: 1000, ...more });
  const file = (fallbacks) => ({ one: { a: entry("fault-503", { fallbacks }) }, two: { "meta/b": entry("well") } });
  const providers = OpenAICompatible.loadFromJson(file(["two/meta/b"]));
  const answer = await providers.one.a.chat(hello());
  assert.deepEqual([answer.answeredBy.provider, answer.answeredBy.model], ["two", "meta/b"]);
  assert.ok((await providers.one.a.chatStream(hello()).text()).length > 0);
  for (const [fallbacks, message] of [
    [["two/meta/c"], /one\.a\.fallbacks\[0\].*did you mean `two\/meta\/b`/],
    [["one/a"], /is the entry itself/],
    [5, /expected a list, found a number/],
  ]) {
    assert.throws(() => OpenAICompatible.loadFromJson(file(fallbacks)), { name: "ConfigError", message });
  }
});

test("bad arguments are told", async () => {
  for (const targets of [undefined, [], [{}], [{ chat() {} }], "x"]) assert.throws(() => new Fallback(targets), ConfigError);
  assert.throws(() => new Fallback([client()], { timeout: 30000 }), /looks like milliseconds/);
  assert.throws(() => new Fallback([client()], { onInterrupt: "again" }), /onInterrupt: expected "fail" or "restart"/);
  const llm = new Fallback([client(), client()]);
  for (const options of [{ timeout: "5" }, { onInterrupt: 1 }, { signal: {} }]) {
    assert.ok((await failure(llm.chat(hello(), options))) instanceof ConfigError);
    assert.ok((await failure(llm.chatStream(hello(), options).text())) instanceof ConfigError);
  }
  assert.ok((await failure(client().chat(hello(), { onInterrupt: "x" }))) instanceof ConfigError);
});
