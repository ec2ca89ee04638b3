// Tools that the model calls, and conversations.

import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError } from "lockkeeper";
import { llmChat, llmFunction, LLMFunctionError, tool } from "lockkeeper/functions";
import { z } from "zod";
import { calling, choice, chunksOf, comes, failure, refusing, scripted } from "./scripted.mjs";

const weather = (execute = ({ city }) => ({ city, degrees: 20 })) =>
  tool({ name: "weather", description: "The weather in a city.", parameters: z.object({ city: z.string() }), execute });
const CITY = { city: "Rome" };
const ask = (llm, tools, more) => llmFunction({ llm, description: "Answer.", tools, ...more });
const told = (llm, request = -1) => llm.asked.at(request).messages.filter(({ role }) => role === "tool");

test("the model calls a tool, sees what it gives, and answers", async () => {
  const llm = scripted(calling(["weather", CITY]), "It is warm.");
  const { value, trace, usage } = await ask(llm, [weather()]).run();
  assert.equal(value, "It is warm.");
  const [{ function: written }] = llm.asked[0].options.tools;
  assert.deepEqual([written.name, written.description, written.parameters.required], ["weather", "The weather in a city.", ["city"]]);
  assert.equal(llm.asked[0].options.tool_choice, undefined);
  const [, , assistant, result] = llm.asked[1].messages;
  assert.deepEqual([assistant.role, assistant.content, assistant.tool_calls[0].id], ["assistant", null, "id_0"]);
  assert.deepEqual(result, { role: "tool", tool_call_id: "id_0", content: '{"city":"Rome","degrees":20}' });
  const [{ duration, ...record }] = trace[0].toolCalls;
  assert.deepEqual(record, { name: "weather", arguments: CITY, result: { city: "Rome", degrees: 20 } });
  assert.ok(duration >= 0);
  assert.equal(usage.total_tokens, 30);
});

test("calls of one answer run at once, and are told in their order", async () => {
  const open = [];
  const slow = weather(({ city }) => new Promise((resolve) => open.push([city, resolve])));
  const llm = scripted(calling(["weather", { city: "A" }], ["weather", { city: "B" }], ["weather", { city: "C" }]), "Done.");
  const call = ask(llm, [slow])();
  await comes(() => open.length === 3);
  for (const [city, resolve] of open.reverse()) resolve(`sunny in ${city}`);
  assert.equal(await call, "Done.");
  assert.deepEqual(told(llm).map(({ content }) => content), ["sunny in A", "sunny in B", "sunny in C"]);
});

test("what goes wrong is told to the model", async () => {
  const broken = tool({ name: "broken", execute: () => Promise.reject(new Error("no disk")) });
  let calls = 0;
  const counted = weather(() => (calls += 1));
  const llm = scripted(calling(["weather", {}], ["weather", "{"], ["forecast", {}], ["broken", ""]), calling(["weather", { city: 5 }]), "Done.");
  const { trace } = await ask(llm, [counted, broken]).run();
  const expected = [
    "error: wrong arguments: $.city: is missing",
    "error: wrong arguments: $: the JSON is not closed",
    'error: there is no tool "forecast"; there are: weather, broken',
    "error: no disk",
  ];
  assert.deepEqual(told(llm, 1).map(({ content }) => content), expected);
  assert.deepEqual(trace[0].toolCalls.map(({ error }) => `error: ${error}`), expected);
  assert.equal(calls, 1, "a number for a text is read as one");
  assert.deepEqual(trace[1].toolCalls[0].arguments, { city: "5" });
});

test("arguments are what the schema makes of them", async () => {
  const seen = [];
  const at = tool({ name: "at", parameters: z.object({ day: z.string().transform((day) => new Date(day)).refine((day) => day > 0, "no day") }), execute: (args, context) => seen.push([args, context]) });
  const llm = scripted(calling(["at", { day: "1969-01-01" }], ["at", { day: "2020-01-01" }]), "Done.");
  await ask(llm, [at])();
  assert.deepEqual(seen.map(([args]) => args), [{ day: new Date("2020-01-01") }]);
  assert.deepEqual([seen[0][1].toolCallId, seen[0][1].signal.aborted], ["id_1", false]);
  assert.match(told(llm)[0].content, /\$\.day: no day/);
});

test("tools and a typed value at once", async () => {
  const returns = z.object({ degrees: z.number() });
  const llm = scripted(calling(["weather", CITY], ["answer", { degrees: 1 }]), calling(["answer", { degrees: "20" }]));
  const { value, trace } = await ask(llm, [weather()], { returns }).run();
  assert.deepEqual(value, { degrees: 20 });
  assert.deepEqual(llm.asked[0].options.tools.map(({ function: { name } }) => name), ["weather", "answer"]);
  assert.match(llm.asked[0].messages[0].content, /calling `answer`, or as JSON alone, in this form:\n\{\n  "degrees": number/);
  assert.match(told(llm)[1].content, /^error: give the answer when the tools have answered/);
  assert.deepEqual(trace.map(({ strategy, toolCalls }) => [strategy, toolCalls.length]), [["tool", 1], ["tool", 0]]);
  const text = scripted(calling(["weather", CITY]), "It is warm.", 'So: {"degrees": 20}');
  assert.deepEqual(await ask(text, [weather()], { returns })(), { degrees: 20 });
  assert.equal(text.asked[2].messages.length, 6, "the repair comes after what the tools have said");
});

test("providers that number nothing are understood", async () => {
  const { message, ...rest } = calling(["weather", CITY], ["weather", CITY]);
  const tool_calls = message.tool_calls.map(({ function: called }) => ({ function: called, extra_content: { signature: "s" } }));
  const llm = scripted({ ...rest, finish_reason: "stop", message: { ...message, tool_calls } }, "Done.");
  await ask(llm, [weather()])();
  const [, , { tool_calls: sent }, first, second] = llm.asked[1].messages;
  assert.deepEqual(sent.map(({ id, type, extra_content }) => [id, type, extra_content.signature]), [["call_1", "function", "s"], ["call_2", "function", "s"]]);
  assert.deepEqual([first.tool_call_id, second.tool_call_id], ["call_1", "call_2"]);
});

test("the loop ends at its limit, with all that was called", async () => {
  const llm = scripted(calling(["weather", CITY]));
  const error = await failure(ask(llm, [weather()], { maxSteps: 3 })());
  assert.deepEqual([error.kind, error.trace.length], ["step_limit", 4]);
  assert.deepEqual(error.trace.map(({ toolCalls }) => toolCalls.length), [1, 1, 1, 0]);
  assert.equal((await failure(ask(llm, [weather()])())).trace.length, 9);
});

test("the deadline stops a tool that hangs, and the error has what was called", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let signal;
  const hangs = weather((_, context) => new Promise(() => ({ signal } = context)));
  const call = failure(ask(scripted(calling(["weather", CITY])), [hangs], { timeout: 3 })());
  await comes(() => signal);
  context.mock.timers.tick(3000);
  const error = await call;
  assert.deepEqual([error.kind, signal.aborted], ["timeout", true]);
  assert.deepEqual(error.trace[0].toolCalls, [{ name: "weather", arguments: CITY }]);
});

test("a server without tools is an error, and a cut call is one", async () => {
  const error = await failure(ask(scripted(refusing("tools are not supported")), [weather()], { returns: { type: "integer" } })());
  assert.deepEqual([error instanceof LLMFunctionError, error.cause.status, error.trace.length], [true, 400, 1]);
  assert.equal((await failure(ask(scripted({ ...calling(["weather", '{"ci']), finish_reason: "length" }), [weather()])())).kind, "truncated");
});

test("a tool is checked when it is made", () => {
  assert.throws(() => tool({ name: "a b", parameters: 1 }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map(({ path }) => path), ["name", "execute", "parameters"]);
    return true;
  });
  assert.throws(() => tool({ name: "answer", execute() {} }), /`answer` is what answers are given with/);
  assert.throws(() => ask(scripted(""), [weather(), weather()]), /two are called weather/);
});

// ---------------------------------------------------------------- conversations

async function texts(turn) {
  const all = [];
  for await (const text of turn) all.push(text);
  return all;
}

test("a conversation takes the history and gives it back", async () => {
  const llm = scripted("Hello to you!", "As I said.");
  const chat = llmChat({ llm, description: "Be kind.", options: { temperature: 0 } });
  const first = chat([], "Hello!");
  const pieces = await texts(first);
  assert.ok(pieces.length > 3);
  assert.equal(pieces.join(""), "Hello to you!");
  const history = await first.history;
  assert.deepEqual(history, [{ role: "user", content: "Hello!" }, { role: "assistant", content: "Hello to you!" }]);
  const second = chat(history, [{ type: "text", text: "What?" }], { temperature: 1 });
  assert.equal(await second.text, "As I said.");
  assert.equal(history.length, 2, "it is left as it is");
  assert.equal((await second.history).length, 4);
  const { messages, options, streamed } = llm.asked[1];
  assert.deepEqual([messages[0], messages.length, options.temperature, streamed], [{ role: "system", content: "Be kind." }, 4, 1, true]);
  const { usage, trace } = await second.result();
  assert.deepEqual([usage.total_tokens, trace[0].text], [15, "As I said."]);
});

test("a conversation with tools streams what is said between them", async () => {
  const looking = { ...calling(["weather", CITY]) };
  looking.message.content = "Let me look. ";
  const llm = scripted(looking, "Warm.");
  const turn = llmChat({ llm, description: "Be kind.", tools: [weather()] })([], "How is Rome?");
  assert.equal((await texts(turn)).join(""), "Let me look. Warm.");
  assert.deepEqual((await turn.history).map(({ role }) => role), ["user", "assistant", "tool", "assistant"]);
  assert.equal((await turn.result()).trace[0].toolCalls[0].result.degrees, 20);
  const endless = llmChat({ llm: scripted(calling(["weather", CITY])), description: "Be kind.", tools: [weather()], maxSteps: 2 });
  const error = await failure(endless([], "How?").history);
  assert.deepEqual([error.kind, error.trace.length], ["step_limit", 3]);
});

test("a conversation can be aborted, and left", async () => {
  const llm = scripted("A long answer it is.");
  const chat = llmChat({ llm, description: "Be kind." });
  const turn = chat([], "Hello!");
  for await (const _ of turn) break;
  assert.equal((await failure(turn.history)).name, "AbortError");
  await new Promise(setImmediate);
  assert.equal(llm.left, 1);
  const [controller, reason] = [new AbortController(), new Error("enough")];
  const signalled = failure((async () => {
    for await (const _ of chat([], "Hello!", { signal: controller.signal })) controller.abort(reason);
  })());
  assert.equal(await signalled, reason);
});

test("a conversation that begins anew can't take its texts back", async () => {
  async function* chunks() {
    yield* [...chunksOf(choice("Once upon"))].slice(0, -2);
    yield { choices: [], restart: { target: "b", reason: "gone" } };
    yield* chunksOf(choice("Twice"));
  }
  const error = await failure(texts(llmChat({ llm: { chat() {}, chatStream: chunks }, description: "Tell." })([], "Go on.")));
  assert.deepEqual([error.kind, error.message, error.partial.text], ["truncated", "the answer has begun anew", "Once upon"]);
});

test("what goes wrong in a conversation", async () => {
  const cut = llmChat({ llm: scripted(choice("Once upo", { finish_reason: "length" })), description: "Tell." });
  const error = await failure(cut([], "Go on.").text);
  assert.deepEqual([error.kind, error.partial.text], ["truncated", "Once upo"]);
  assert.ok((await failure(cut("no list", "Go on.").text)) instanceof ConfigError);
  assert.ok((await failure(cut([], 5).text)) instanceof ConfigError);
  assert.throws(() => llmChat({ llm: {} }), ConfigError);
});
