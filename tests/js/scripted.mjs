// An LLMInterface that answers by script, whole or streamed in small pieces; and what its answers are made of.

/**
 * Answers in turn with each of these: a text, a choice as {@link choice} makes it, an error to throw, or a function of
 * `(messages, options)` that gives one. The last one stands for all that follow.
 */
export function scripted(...answers) {
  const asked = [];
  const next = async (messages, options, streamed) => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    asked.push({ messages, options, streamed });
    const made = typeof answer === "function" ? await answer(messages, options) : answer;
    if (made instanceof Error) throw made;
    return typeof made === "string" ? choice(made) : made;
  };
  return {
    asked,
    left: 0,
    async chat(messages, options) {
      const { usage, ...made } = await next(messages, options, false);
      return { id: "1", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, ...made }], usage };
    },
    async *chatStream(messages, options) {
      let ended = false;
      try {
        for (const chunk of chunksOf(await next(messages, options, true))) yield chunk;
        ended = true;
      } finally {
        if (!ended) this.left += 1;
      }
    },
  };
}

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

/** A choice with this text. */
export const choice = (content, { finish_reason = "stop", usage = USAGE, ...message } = {}) => ({
  message: { role: "assistant", content, ...message },
  finish_reason,
  usage,
});

/** A choice that calls functions: each `[name, arguments]`, the latter a text or what is written as JSON. */
export function calling(...calls) {
  const tool_calls = calls.map(([name, written], index) => {
    const text = typeof written === "string" ? written : JSON.stringify(written);
    return { id: `id_${index}`, type: "function", function: { name, arguments: text } };
  });
  return choice(null, { finish_reason: "tool_calls", tool_calls });
}

/** What a server says that does not know a field: the error that a client makes of it. */
export function refusing(message, status = 400) {
  return Object.assign(new Error(message), { status });
}

/** The chunks of a choice, in pieces of 1 to 7 characters. */
export function* chunksOf({ message, finish_reason, usage }) {
  const chunk = (delta, more) => ({ object: "chat.completion.chunk", choices: [{ index: 0, delta, ...more }] });
  for (const piece of pieces(message.content ?? "")) yield chunk({ content: piece });
  for (const [index, call] of (message.tool_calls ?? []).entries()) {
    yield chunk({ tool_calls: [{ index, ...call, function: { ...call.function, arguments: "" } }] });
    for (const piece of pieces(call.function.arguments)) yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] });
  }
  const { content, tool_calls, role, ...rest } = message;
  yield chunk(rest, { finish_reason });
  if (usage) yield { object: "chat.completion.chunk", choices: [], usage };
}

function* pieces(text) {
  for (let at = 0, size = 1; at < text.length; at += size, size = (size % 7) + 1) yield text.slice(at, at + size);
}

/** Waits until this holds, for as long as there is anything to do but to wait. */
export async function comes(holds) {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns === 10_000) throw new Error(`it does not come: ${holds}`);
    await null;
  }
}

export { failure } from "./failure.mjs";
