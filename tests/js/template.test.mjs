// Chunks that are read by their likeness to one before them: what comes out is what JSON.parse reads.

import assert from "node:assert/strict";
import test from "node:test";
import { DecodeError } from "lockkeeper";
import { Items } from "../../js/api/facts.js";
import { client, failure, hello } from "./provider.mjs";

const BEFORE = '{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{';
const AFTER = '},"logprobs":null,"finish_reason":null}],"usage":null}';
const said = (written) => `${BEFORE}"content":"${written}"${AFTER}`;
const alike = [said("Lock"), said(" keepers"), said(" meter")];
const END = `${BEFORE}},"finish_reason":"stop"}]}`;

/** A stream of these chunks. */
const streamOf = (...texts) => {
  const body = [...texts, END, "[DONE]"].map((text) => `data: ${text}\n\n`).join("");
  const fetch = async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  return client({ fetch, maxRetries: 0 }).chatStream(hello());
};

/** Which of these chunks are read by likeness. */
function likenesses(texts) {
  const items = new Items();
  texts.forEach((text) => items.add(text));
  return items.take(texts.length).map(({ like }) => like !== undefined);
}

const spaced = (text) => `{"id": "c-2", "choices": [{"delta": {"role": "assistant", "content": "${text}", "refusal": null}, "index": 1}], "model": "m"}`;
const thought = (text) => `${BEFORE}"content":null,"reasoning_content":"${text}"${AFTER}`;
const twice = (text) => `${BEFORE}"content":"first","content":"${text}"${AFTER}`;
const both = (text) => `${BEFORE}"content":"${text}","reasoning":"as ever"${AFTER}`;
const holding = (text) => `{"choices":[{"index":0,"delta":{"content":"${text}"}}],"x":{"y":1}}`;
const of = (form) => ["one", "two", "three", "four"].map(form);

const cases = [
  { name: "texts", texts: [...alike, said("a text that is longer than thirteen letters")], like: 2 },
  { name: "escapes", texts: [...alike, said('\\n\\"\\u00e9\\ud83d\\ude00\\\\'), said("\\ud800"), said("\\/")], like: 4 },
  { name: "what is not ASCII", texts: [...alike, said("é ĉ 漢字 😀"), said(" ")], like: 3 },
  { name: "nothing in between", texts: [...alike, said(""), said(" on")], like: 2 },
  { name: "what looks like the end of a chunk", texts: [...alike, said(`\\"${AFTER.replaceAll('"', '\\"')}`)], like: 2 },
  { name: "a second field that the text seems to bring", texts: [...alike, said('a","role":"user')], like: 1 },
  { name: "other ids", texts: [...alike, ...alike.map((text) => text.replace("c-1", "c-2"))], like: 3 },
  { name: "spaces, a role and a choice's number", texts: of(spaced), like: 2 },
  { name: "reasoning", texts: of(thought), like: 2 },
  { name: "a field that stands there twice", texts: of(twice), like: 0 },
  { name: "two texts", texts: of(both), like: 0 },
  { name: "objects", texts: of(holding), like: 0 },
  { name: "the mark of the trial", texts: [said("?"), said("?"), said("?"), ...alike], like: 2 },
];

for (const { name, texts, like } of cases) {
  test(`chunks with ${name} are read as they are`, async () => {
    const chunks = [];
    const stream = streamOf(...texts);
    for await (const chunk of stream) chunks.push(JSON.stringify(chunk));
    assert.deepEqual(chunks, [...texts, END].map((text) => JSON.stringify(JSON.parse(text))));
    const deltas = texts.map((text) => JSON.parse(text).choices[0].delta);
    const told = { text: deltas.map(({ content }) => content ?? "").join(""), reasoning: deltas.map((delta) => delta.reasoning_content ?? delta.reasoning ?? "").join("") };
    if (JSON.parse(texts[0]).choices[0].index === 0) assert.deepEqual(stream.partial, told);
    assert.equal(likenesses(texts).filter(Boolean).length, like);
  });
}

test("a chunk that is no JSON fails the stream, however like the others it is", async () => {
  for (const broken of ["a tab\t", "\\q", 'a"b', "\\ud8", "\\"]) {
    const error = await failure(streamOf(...alike, said(broken), said(" more")).text());
    assert.ok(error instanceof DecodeError, `${broken}: ${error}`);
    assert.equal(error.partial.text, "Lock keepers meter");
  }
});

test("each chunk is its reader's own", async () => {
  const texts = [];
  for await (const chunk of streamOf(...alike, said(" the flow"))) {
    const [choice] = chunk.choices;
    texts.push([chunk.model, choice.index, choice.delta.content]);
    [chunk.model, choice.index, choice.delta.content, choice.delta.role] = ["changed", 7, "changed", "changed"];
  }
  assert.deepEqual(texts.slice(0, 4), [["m", 0, "Lock"], ["m", 0, " keepers"], ["m", 0, " meter"], ["m", 0, " the flow"]]);
});

test("templates that serve for nothing are made a few times only", () => {
  const ever = Array.from({ length: 20 }, (_, number) => said("a").replace("c-1", `c-${number}`));
  assert.ok(!likenesses([...ever, said("b"), said("c")]).includes(true));
  assert.equal(likenesses([...ever.slice(0, 5), said("b"), said("c")]).at(-1), true);
});
