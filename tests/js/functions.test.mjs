// Typed functions: how the model is asked, what becomes of its answers, and what goes wrong.

import assert from "node:assert/strict";
import test from "node:test";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { ConfigError, LLMError } from "lockkeeper";
import { llmFunction, LLMFunctionError } from "lockkeeper/functions";
import * as v from "valibot";
import { z } from "zod";
import { failure } from "./scripted.mjs";
import { calling, choice, comes, refusing, scripted } from "./scripted.mjs";

const TEXT = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
const ITEM = { type: "object", properties: { name: { type: "string" }, price: { type: "number" } }, required: ["name", "price"] };
const RIGHT = '{"name":"x","price":1}';

const extract = (llm, more) => llmFunction({ llm, description: "Extract the item from {text}.", parameters: TEXT, returns: ITEM, ...more });
const ways = (llm) => llm.asked.map(({ options: { response_format, tools } }) => response_format?.type ?? (tools ? "tool" : "prompt"));

test("the description is the instruction, the arguments are the question", async () => {
  const llm = scripted('{"name": "x", "price": "1.50", "why": null}');
  assert.deepEqual(await extract(llm, { name: "extract" })({ text: "x: 1.50" }), { name: "x", price: 1.5, why: null });
  const [{ messages, options }] = llm.asked;
  assert.deepEqual(messages.map(({ role }) => role), ["system", "user"]);
  assert.match(messages[0].content, /^Extract the item from x: 1\.50\.\n\n/);
  assert.equal(messages[1].content, "text:\nx: 1.50");
  const { json_schema } = options.response_format;
  assert.deepEqual([json_schema.name, json_schema.strict], ["extract", true]);
  assert.deepEqual(json_schema.schema, { ...ITEM, additionalProperties: false });
});

test("several arguments are an object; none is none", async () => {
  const llm = scripted(RIGHT);
  const two = { type: "object", properties: { a: { type: "integer" }, b: { type: "string" } } };
  await llmFunction({ llm, description: "Do {{a}}: {a}", parameters: two, returns: ITEM })({ a: 1, b: "{a}" });
  await llmFunction({ llm, description: "Do.", returns: ITEM })();
  assert.match(llm.asked[0].messages[0].content, /^Do \{a\}: 1\n/);
  assert.deepEqual(llm.asked.map(({ messages }) => messages[1].content), ['{"a":1,"b":"{a}"}', "Answer now."]);
});

test("a server that refuses is asked another way, and never again that one", async () => {
  const llm = scripted(
    refusing("'response_format.type' must be 'text'"),
    refusing("This model does not support tools", 404),
    refusing("response_format is not supported", 422),
    RIGHT,
  );
  const { value, trace, usage } = await extract(llm).run({ text: "…" });
  assert.deepEqual(value, JSON.parse(RIGHT));
  assert.deepEqual(ways(llm), ["json_schema", "tool", "json_object", "prompt"]);
  assert.deepEqual(trace.map(({ strategy, refused = false }) => [strategy, refused]), [["json_schema", true], ["tool", true], ["json_object", true], ["prompt", false]]);
  assert.equal(usage.total_tokens, 15);
  const { messages } = llm.asked[3];
  assert.equal(messages[0].content, "Extract the item from ….");
  const form = '{\n  "name": "text",\n  "price": number\n}\nFor example: {"name":"text","price":1}';
  assert.equal(messages[1].content, `text:\n…\n\nAnswer with JSON alone, in this form:\n${form}`);
  await extract(llm)({ text: "…" });
  assert.equal(ways(llm)[4], "prompt", "other functions know it, too");
  await extract(llm)({ text: "…" }, { model: "another" });
  assert.equal(ways(llm)[5], "json_schema", "of another model nothing is known");
  const other = scripted(RIGHT);
  await extract(other)({ text: "…" });
  assert.deepEqual(ways(other), ["json_schema"], "nor of another interface");
});

test("a schema that is refused is refused for its function alone", async () => {
  const llm = scripted(refusing("Invalid schema for response_format 'answer'"), calling(["answer", RIGHT]), RIGHT);
  const [first, second] = [extract(llm), extract(llm)];
  await first({ text: "…" });
  await second({ text: "…" });
  await first({ text: "…" });
  assert.deepEqual(ways(llm), ["json_schema", "tool", "json_schema", "tool"]);
});

test("a tool call is an answer, and so is a text in its place", async () => {
  const llm = scripted(refusing("unknown field: response_format"), calling(["answer", RIGHT]), RIGHT, calling(["answer", '{"name": "x"}']), RIGHT);
  const { trace } = await extract(llm).run({ text: "…" });
  assert.equal(trace[1].text, RIGHT);
  assert.deepEqual(llm.asked[1].options.tool_choice, { type: "function", function: { name: "answer" } });
  await extract(llm)({ text: "…" });
  await extract(llm)({ text: "…" });
  const [, , said, errors] = llm.asked.at(-1).messages;
  assert.deepEqual(said, { role: "assistant", content: '{"name": "x"}' });
  assert.match(errors.content, /\$\.price: is missing\n.*in this form:\n\{\n  "name": "text"/s);
});

test("prose twice in a row: the next way is better", async () => {
  const llm = scripted("Of course!", "Here you are.", calling(["answer", RIGHT]));
  await extract(llm)({ text: "…" });
  assert.deepEqual(ways(llm), ["json_schema", "json_schema", "tool"]);
  await extract(llm)({ text: "…" });
  assert.equal(ways(llm)[3], "tool");
});

test("an answer that does not fit is shown to the model with every error", async () => {
  const llm = scripted('{"name": ["x"], "price": "much"}', `Sorry! \`\`\`json\n${RIGHT}\n\`\`\``);
  const { value, trace, usage } = await extract(llm).run({ text: "…" });
  assert.deepEqual(value, JSON.parse(RIGHT));
  const errors = [
    { path: "$.name", message: "expected a string, found a list" },
    { path: "$.price", message: 'expected a number, found "much"' },
  ];
  assert.deepEqual(trace.map((attempt) => attempt.errors), [errors, []]);
  assert.deepEqual([usage.total_tokens, trace[0].usage.total_tokens], [30, 15]);
  const [, , said, wrong] = llm.asked[1].messages;
  assert.deepEqual(said, { role: "assistant", content: '{"name": ["x"], "price": "much"}' });
  assert.match(wrong.content, /\$\.name: expected a string, found a list\n- \$\.price: expected a number, found "much"\n/);
});

test("repairs are bounded, and the error has the trace and what there was", async () => {
  const llm = scripted('{"name": "x"}');
  const error = await failure(extract(llm)({ text: "…" }));
  assert.ok(error instanceof LLMFunctionError && error instanceof LLMError);
  assert.deepEqual([error.name, error.kind, error.trace.length], ["LLMFunctionError", "invalid_answer", 3]);
  assert.deepEqual(error.errors, [{ path: "$.price", message: "is missing" }]);
  assert.deepEqual([error.partial.value, error.partial.text], [{ name: "x" }, '{"name": "x"}']);
  assert.match(error.message, /\$\.price: is missing/);
  assert.equal(error.usage.total_tokens, 45);
  assert.equal((await failure(extract(llm, { maxRepairs: 0 })({ text: "…" }))).trace.length, 1);
  assert.equal((await failure(extract(llm, { maxRepairs: 0 })({ text: "…" }, { maxRepairs: 1 }))).trace.length, 2);
});

test("who says the same again is asked from the beginning", async () => {
  const llm = scripted("{}", "{}", "{}", RIGHT);
  await extract(llm, { maxRepairs: 3 })({ text: "…" });
  assert.deepEqual(llm.asked.map(({ messages }) => messages.length), [2, 4, 2, 2]);
});

test("a copy of the example that was shown is no answer", async () => {
  const copy = '{"name": "text", "price": 1}';
  const llm = scripted(copy, refusing("response_format is not supported"), refusing("no tools"), refusing("response_format is not supported"), copy, RIGHT);
  await extract(llm)({ text: "…" });
  assert.equal(llm.asked.length, 1, "nobody had shown it one");
  const { trace } = await extract(llm).run({ text: "…" });
  assert.deepEqual(trace[3].errors, [{ path: "$", message: "that is the example: put your own values in place of its" }]);
  const numbers = llmFunction({ llm: scripted(refusing("no response_format"), refusing("no tools"), refusing("no response_format"), "1"), description: "Count.", returns: { type: "integer" } });
  assert.equal(await numbers(), 1, "it may well be one");
});

test("an empty answer is asked for again", async () => {
  const llm = scripted("", choice(null), RIGHT);
  await extract(llm)({ text: "…" });
  assert.deepEqual(llm.asked[1].messages[2], { role: "assistant", content: "(no answer)" });
  assert.match(llm.asked[1].messages[3].content, /the answer is empty/);
});

test("a cut answer is truncated, a whole one is taken", async () => {
  const cut = scripted(choice('{"name": "x", "pri', { finish_reason: "length" }));
  const error = await failure(extract(cut)({ text: "…" }));
  assert.deepEqual([error.kind, error.partial.value, cut.asked.length], ["truncated", { name: "x" }, 1]);
  const whole = scripted(choice(`${RIGHT} and that is beca`, { finish_reason: "length" }));
  assert.deepEqual(await extract(whole)({ text: "…" }), JSON.parse(RIGHT));
  const number = scripted(choice("12", { finish_reason: "length" }));
  const count = llmFunction({ llm: number, description: "Count.", returns: { type: "integer" } });
  assert.equal((await failure(count())).kind, "truncated", "there may be more digits to come");
  const text = llmFunction({ llm: scripted(choice("Once upo", { finish_reason: "length" })), description: "Tell a tale." });
  assert.equal((await failure(text())).partial.value, "Once upo");
});

test("a refusal is none of our business", async () => {
  const refused = await failure(extract(scripted(choice(null, { refusal: "I won't." })))({ text: "…" }));
  assert.deepEqual([refused.kind, refused.trace.length], ["refused", 1]);
  assert.match(refused.message, /I won't\./);
  assert.equal((await failure(extract(scripted(choice("", { finish_reason: "content_filter" })))({ text: "…" }))).kind, "refused");
});

test("an error of the layers below keeps what it says", async () => {
  const below = new LLMError("busy", { kind: "rate_limited", status: 429, retryAt: new Date(5), attempts: [{ keyLabel: "…abcd" }] });
  const error = await failure(extract(scripted("prose", below))({ text: "…" }));
  assert.ok(error instanceof LLMFunctionError);
  assert.deepEqual([error.kind, error.status, error.retryAt, error.attempts, error.cause], ["rate_limited", 429, new Date(5), below.attempts, below]);
  assert.deepEqual(error.trace.map(({ errors }) => errors[0].message), ["expected JSON, found text without any", "busy"]);
  assert.equal((await failure(extract(scripted(refusing("bad key", 401)))({ text: "…" }))).trace.length, 1);
});

test("texts are just asked for", async () => {
  const llm = scripted("<think>hm</think>\nA title\n", '{"a": 1}', "", "again");
  const title = llmFunction({ llm, description: "Find a title for {text}.", parameters: TEXT });
  assert.equal(await title({ text: "…" }), "A title");
  assert.equal(llm.asked[0].options.response_format, undefined);
  assert.equal(llm.asked[0].messages[0].content, "Find a title for ….");
  assert.equal(await title({ text: "…" }), '{"a": 1}');
  assert.equal(await title({ text: "…" }), "again");
  const short = llmFunction({ llm: scripted("much too long", "short"), description: "Find one.", returns: z.string().max(5) });
  assert.equal(await short(), "short");
});

test("what is no object is the result of one", async () => {
  const llm = scripted('{"result": ["a", "b"]}', '["a"]', '{"result": ["a", 1.5, {}]}', '{"names": []}');
  const names = llmFunction({ llm, description: "List.", returns: { type: "array", items: { type: "string" } } });
  assert.deepEqual(await names(), ["a", "b"]);
  assert.deepEqual(Object.keys(llm.asked[0].options.response_format.json_schema.schema.properties), ["result"]);
  assert.deepEqual(await names(), ["a"]);
  assert.deepEqual(await names(), []);
  assert.match(llm.asked.at(-1).messages.at(-1).content, /\$\[2\]: expected a string, found an object/);
  const mood = llmFunction({ llm: scripted("Good."), description: "Judge.", returns: z.enum(["good", "bad"]) });
  assert.equal(await mood(), "good");
});

const SCHEMAS = {
  zod: z.object({ name: z.string(), tags: z.array(z.string()).min(1), n: z.int().optional() }),
  valibot: toStandardJsonSchema(v.object({ name: v.string(), tags: v.pipe(v.array(v.string()), v.minLength(1)), n: v.optional(v.pipe(v.number(), v.integer())) })),
  arktype: type({ name: "string", tags: "string[] >= 1", "n?": "number.integer" }),
};

for (const [vendor, returns] of Object.entries(SCHEMAS)) {
  test(`types of ${vendor}`, async () => {
    const llm = scripted('{"name": 1, "tags": []}', '{"name": "x", "tags": ["a"], "n": null}');
    const { value, trace } = await llmFunction({ llm, description: "Do.", returns }).run();
    assert.deepEqual(value, { name: "x", tags: ["a"] });
    assert.deepEqual(trace[0].errors, [{ path: "$.tags", message: "expected at least 1 item, found 0" }]);
    const { schema, strict } = llm.asked[0].options.response_format.json_schema;
    assert.deepEqual([schema.required, schema.properties.n.type, strict], [["name", "tags", "n"], ["integer", "null"], true]);
  });
}

test("what a schema alone knows is checked and told, too, also asynchronously", async () => {
  const llm = scripted('{"at": "yesterday"}', '{"at": "2020-02-30"}', '{"at": "2020-02-03"}');
  const known = async (text) => text !== "2020-02-30";
  const returns = z.object({ at: z.string().regex(/^\d{4}-\d\d-\d\d$/, "no date").refine(known, "no such day").transform((text) => new Date(text)) });
  const { value, trace } = await llmFunction({ llm, description: "When?", returns }).run();
  assert.deepEqual(value, { at: new Date("2020-02-03") });
  assert.deepEqual(trace[1].errors, [{ path: "$.at", message: "no such day" }]);
});

test("a schema that tells no JSON Schema needs one beside it", async () => {
  const schema = v.object({ a: v.pipe(v.number(), v.check((a) => a > 1, "too small")) });
  const wrong = await failure((async () => llmFunction({ llm: scripted("{}"), description: "Do.", returns: schema }))());
  assert.ok(wrong instanceof ConfigError);
  assert.match(wrong.message, /returns: valibot tells no JSON Schema: pass toStandardJsonSchema/);
  const jsonSchema = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };
  const { value, trace } = await llmFunction({ llm: scripted('{"a": 1}', '{"a": 2}'), description: "Do.", returns: { schema, jsonSchema } }).run();
  assert.deepEqual([value, trace[0].errors], [{ a: 2 }, [{ path: "$.a", message: "too small" }]]);
  assert.throws(() => llmFunction({ llm: scripted("{}"), description: "Do.", returns: z.object({ at: z.date() }) }), /returns: zod can't tell its JSON Schema: /);
});

test("every mistake of a definition is told at once", () => {
  const wrong = { llm: {}, description: "Do {it}.", parameters: TEXT, returns: 1, tools: [{}], name: "a b", maxRepairs: -1, maxSteps: 0, timeout: 20_000, options: 1 };
  assert.throws(() => llmFunction(wrong), (error) => {
    assert.ok(error instanceof ConfigError);
    const paths = ["llm", "maxRepairs", "maxSteps", "timeout", "options", "tools", "name", "returns", "description"];
    assert.deepEqual(error.problems.map(({ path }) => path), paths);
    assert.match(error.message, /\{it\} is no parameter; there are: text$/);
    return true;
  });
  assert.throws(() => llmFunction(), ConfigError);
});

test("wrong arguments are told to the caller, and nothing is sent", async () => {
  const llm = scripted(RIGHT);
  const paths = async (call) => (await failure(call)).problems.map(({ path }) => path);
  assert.deepEqual(await paths(extract(llm)({ text: 1 })), ["$.text"]);
  assert.deepEqual(await paths(extract(llm)()), ["$.text"]);
  assert.deepEqual(await paths(extract(llm)("text")), ["$"]);
  assert.deepEqual(await paths(llmFunction({ llm, description: "Do." })({ a: 1 })), ["$.a"]);
  assert.deepEqual(await paths(llmFunction({ llm, description: "Do.", parameters: z.object({ a: z.array(z.string()) }) })({ a: ["", 1] })), ["$.a[1]"]);
  assert.deepEqual(await paths(extract(llm)({ text: "…" }, { timeout: "5", signal: {} })), ["timeout", "signal"]);
  assert.equal(llm.asked.length, 0);
});

test("options go to the llm, a call's over the function's", async () => {
  const llm = scripted(RIGHT);
  await extract(llm, { options: { temperature: 0, seed: 1 } })({ text: "…" }, { seed: 2, top_k: 3 });
  const { temperature, seed, top_k } = llm.asked[0].options;
  assert.deepEqual([temperature, seed, top_k], [0, 2, 3]);
});

test("all attempts share one deadline", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let told;
  const hangs = (_, { signal }) => new Promise(() => (told = signal));
  const llm = scripted("prose", (_, { timeout }) => (context.mock.timers.tick(20_000), `${timeout}`), hangs);
  const call = failure(extract(llm)({ text: "…" }, { timeout: 30 }));
  await comes(() => told);
  assert.ok(llm.asked.every(({ options: { timeout } }) => timeout > 0 && timeout <= 30));
  context.mock.timers.tick(9_999);
  assert.equal(told.aborted, false);
  context.mock.timers.tick(1);
  const error = await call;
  assert.deepEqual([error.kind, error.clock, error.trace.length, told.aborted], ["timeout", "timeout", 3, true]);
  assert.match(error.message, /within 30s/);
});

test("an abort rejects with the signal's reason, whatever the llm does", async () => {
  const [controller, reason] = [new AbortController(), new Error("enough")];
  const hangs = scripted(() => new Promise(() => {}));
  const call = failure(extract(hangs)({ text: "…" }, { signal: controller.signal }));
  await comes(() => hangs.asked.length);
  controller.abort(reason);
  assert.equal(await call, reason);
  assert.equal(await failure(extract(hangs)({ text: "…" }, { signal: controller.signal })), reason);
  assert.equal(hangs.asked.length, 1, "nothing is asked when it has been aborted before");
  assert.equal(hangs.asked[0].options.signal.aborted, true);
});

test("a hundred calls at once do not mix", async () => {
  const shuffled = async ([, { content }], more) => {
    const number = Number(content.slice("text:\n".length));
    for (let turns = (number * 37) % 101; turns > 0; turns -= 1) await null;
    return more.length === 2 || number % 3 ? JSON.stringify({ name: `n${number}`, price: number }) : `no. ${number}`;
  };
  const llm = scripted((messages) => shuffled(messages, messages.slice(2)));
  const one = extract(llm);
  const calls = Array.from({ length: 100 }, (_, number) => (number % 2 ? one.run({ text: `${number}` }) : one.stream({ text: `${number}` }).result()));
  for (const [number, { value, trace }] of (await Promise.all(calls)).entries()) {
    assert.deepEqual(value, { name: `n${number}`, price: number });
    assert.equal(trace.length, number % 3 ? 1 : 2);
    if (trace.length === 2) assert.equal(trace[0].text, `no. ${number}`);
  }
});
