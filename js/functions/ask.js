// One request: whole, or streamed. Whoever asks is handed what has come so far as it comes.

import { Assembler } from "../api/assemble.js";
import { textOf } from "../api/text.js";

/** Asks, and gives `{ message, text, finish, usage, answeredBy }`; streamed, it yields the message so far at every chunk. */
export async function* ask({ llm, deadline, streams }, messages, options) {
  deadline.signal.throwIfAborted();
  const timeout = deadline.left;
  const all = { ...options, ...(timeout === undefined ? {} : { timeout }), signal: deadline.signal };
  if (!streams) return replyOf(await deadline.wait(llm.chat(messages, all)));
  const stream = llm.chatStream(messages, all);
  const assembler = new Assembler();
  yield* read(stream, assembler, deadline);
  const usage = typeof stream.usage === "function" ? await stream.usage() : assembler.usage;
  return replyOf(assembler.finish(usage), stream.answeredBy);
}

async function* read(stream, assembler, deadline) {
  const chunks = stream[Symbol.asyncIterator]();
  let isOver = false;
  try {
    for (;;) {
      const { value: chunk, done } = await deadline.wait(chunks.next());
      isOver = done;
      if (done) return;
      assembler.push(chunk);
      yield assembler.messages[0] ?? {};
    }
  } finally {
    if (!isOver) Promise.resolve(chunks.return?.()).catch(() => {}); // one that hangs is not waited for
  }
}

function replyOf(answer, answeredBy = answer?.answeredBy) {
  const { message = {}, finish_reason: finish } = answer?.choices?.[0] ?? {};
  return { message: message ?? {}, text: textOf(message?.content), finish, usage: answer?.usage ?? undefined, answeredBy };
}

/** The calls of functions in a message, each with an id. */
export function callsIn(message) {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter((call) => call?.function) : [];
  return calls.map((call, index) => ({ ...call, id: call.id || `call_${index + 1}`, type: call.type ?? "function" }));
}
