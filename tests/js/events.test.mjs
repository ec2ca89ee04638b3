// A stream's events, of whatever shape and however the network cuts them: most are read at once, the others one by one.

import assert from "node:assert/strict";
import test from "node:test";
import { DecodeError, ServerError } from "lockkeeper";
import { client, failure, hello } from "./provider.mjs";

const json = (content, index = 0) => JSON.stringify({ choices: [{ index, delta: { content } }] });
const plain = (content) => `data: ${json(content)}\n\n`;
const END = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

/** A client whose provider streams this text, in pieces of so many bytes. */
function streaming(text, size, options) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const pull = (controller) => (at < bytes.length ? controller.enqueue(bytes.slice(at, (at += size))) : controller.close());
  return client({ maxRetries: 0, fetch: async () => new Response(new ReadableStream({ pull })), ...options });
}

const STREAMS = {
  plain: [plain("a") + plain("b") + plain("c"), "abc"],
  "in any language": [plain("Schleuse ") + plain("船闸") + plain("🚢") + plain(" ok"), "Schleuse 船闸🚢 ok"],
  "with comments, names and ids": [`: ping\n\n${plain("a")}event: chunk\nid: 7\n${plain("b")}: ping\n${plain("c")}data:\n\n${plain("d")}`, "abcd"],
  "by CR and by CRLF": [`${plain("a")}data: ${json("b")}\r\n\r\n${plain("c")}data: ${json("d")}\r\r${plain("e")}`, "abcde"],
  "with CR between its tokens": [`${plain("a")}data: {\rdata: "choices":[{"index":0,"delta":{"content":"b"}}]}\n\n${plain("c")}`, "abc"],
  "over several lines": [`${plain("a")}data: {"choices":\ndata: [{"index":0,"delta":{"content":"b"}}]}\n\n${plain("c")}`, "abc"],
  "without a space, and after a BOM": [`\u{feff}data:${json("a")}\n\n${plain("b")}`, "ab"],
  "of several choices": [`${plain("a")}data: {"choices":[{"index":0,"delta":{"content":"b"}},{"index":1,"delta":{"content":"x"}}]}\n\n${plain("c")}`, "abc"],
};

for (const [name, [events, text]] of Object.entries(STREAMS)) {
  test(`events: ${name}`, async () => {
    const end = name === "of several choices" ? END.replace("[{", '[{"index":1,"delta":{},"finish_reason":"stop"},{') : END;
    for (const size of [1, 2, 3, 7, 20, 61, 1000]) {
      const stream = streaming(events + end, size).chatStream(hello());
      let read = "";
      for await (const { choices } of stream) read += choices.find(({ index }) => index === 0)?.delta.content ?? "";
      assert.deepEqual([read, stream.partial.text, stream.state], [text, text, "finished"], `in pieces of ${size}`);
    }
  });
}

test("events: more than are read at once", async () => {
  const pieces = Array.from({ length: 3_000 }, (_, i) => `${i} `);
  const events = pieces.map(plain).join("") + END;
  for (const size of [1_000, 100_000, events.length]) {
    assert.equal(await streaming(events, size).chatStream(hello()).text(), pieces.join(""), `in pieces of ${size}`);
  }
});

test("events: what comes before an error or what is no chunk has come", async () => {
  const CASES = [
    ['data: {"error":{"message":"overloaded","code":503}}\n\n', ServerError],
    ["data: {broken\n\n", DecodeError],
    [`event: error\n${plain("no")}`, Error],
  ];
  for (const [odd, type] of CASES) {
    for (const size of [5, 1_000]) {
      const llm = streaming(plain("a") + plain("b") + odd + plain("c") + END, size);
      const error = await failure(llm.chatStream(hello()).text());
      assert.ok(error instanceof type, `${odd}: ${error.stack}`);
      assert.deepEqual([error.partial.text, llm.keyPool.inFlight], ["ab", 0], odd);
    }
  }
});

test("events: what is no UTF-8 fails the stream", async () => {
  const bytes = Buffer.concat([Buffer.from(plain("a")), Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n', "latin1"), Buffer.from(END)]);
  const llm = client({ maxRetries: 0, fetch: async () => new Response(bytes) });
  const error = await failure(llm.chatStream(hello()).text());
  assert.ok(error instanceof DecodeError, error.stack);
  assert.equal(error.partial.text, "a");
});

test("events: one that can't be decoded is passed over where that is wished", async () => {
  for (const size of [5, 1_000]) {
    const llm = streaming(`${plain("a")}data: {broken\n\n${plain("b")}${END}`, size, { skipUndecodableEvents: true });
    assert.equal(await llm.chatStream(hello()).text(), "ab");
  }
});
