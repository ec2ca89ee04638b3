// A conversation: takes the history and what is said next, streams the answer, gives the history back.

import { textOf } from "../api/text.js";
import { ask, callsIn } from "./ask.js";
import { withoutThinking } from "./candidates.js";
import { endable } from "./deadline.js";
import { functionError, LLMFunctionError, misuse, traced } from "./errors.js";
import { problemsOf, termsOf } from "./plan.js";
import { Arriving } from "./stream.js";
import { beginCalls, problemsOfTools } from "./tools.js";
import { added } from "./usage.js";

/** A conversation with a model; the description is said first at each turn, and is no part of the history. */
export function llmChat(definition) {
  const { llm, description, tools = [], ...settings } = Object(definition);
  const problems = [...problemsOf(llm, description, settings), ...problemsOfTools(tools)];
  if (problems.length) throw misuse(problems);
  return (history, input, options) => new ChatTurn(() => turnOf({ llm, description, tools, settings }, history, input, options));
}

function turnOf({ llm, description, tools, settings }, history, input, options) {
  return endable(async function* (begin) {
    const { timeout, signal, maxSteps, options: asked } = termsOf(settings, options);
    const talk = [...historyOf(history), messageOf(input)];
    const call = { llm, deadline: begin(timeout, signal), streams: true };
    return yield* new Turn(call, { description, tools, maxSteps, asked }, talk).run();
  });
}

function historyOf(history) {
  if (Array.isArray(history) && history.every((message) => typeof message?.role === "string")) return history;
  throw misuse([{ path: "history", message: "expected a list of messages" }]);
}

/** What the user says: a text, a list of parts, or a whole message. */
function messageOf(input) {
  if (typeof input === "string" || Array.isArray(input)) return { role: "user", content: input };
  if (typeof input?.role === "string") return input;
  throw misuse([{ path: "input", message: "expected a text, a list of content parts, or a message" }]);
}

class Turn {
  trace = [];
  usage;

  constructor(call, { description, tools, maxSteps, asked }, talk) {
    Object.assign(this, { call, tools, maxSteps, talk });
    this.system = { role: "system", content: description };
    this.options = tools.length ? { ...asked, tools: tools.map(({ written }) => written) } : asked;
  }

  async *run() {
    try {
      for (let steps = 0; ; steps++) {
        const { message, text, finish } = yield* this.#ask();
        const calls = this.tools.length ? callsIn(message) : [];
        this.talk.push({ ...message, role: "assistant", ...(calls.length ? { content: message.content ?? null, tool_calls: calls } : {}) });
        if (finish === "length") throw functionError("truncated", { partial: { text, reasoning: "" } });
        if (!calls.length) return { text: withoutThinking(text), history: this.talk, trace: this.trace, usage: this.usage };
        if (steps >= this.maxSteps) throw functionError("step_limit", { note: `${this.maxSteps} steps are allowed (maxSteps)` });
        await this.#perform(calls);
      }
    } catch (error) {
      const { signal } = this.call.deadline;
      const cause = signal.aborted ? signal.reason : error;
      throw signal.aborted && !(cause instanceof LLMFunctionError) ? cause : traced(cause, this.trace, this.usage);
    }
  }

  /** Yields the text piece by piece. */
  async *#ask() {
    const attempt = { strategy: "text", text: "", toolCalls: [], errors: [], duration: 0 };
    this.trace.push(attempt);
    const began = performance.now();
    const asking = ask(this.call, [this.system, ...this.talk], this.options);
    try {
      let step;
      while (!(step = await asking.next()).done) {
        const text = textOf(step.value.content);
        if (!text.startsWith(attempt.text)) throw begunAnew(attempt.text);
        const piece = text.slice(attempt.text.length);
        attempt.text = text;
        if (piece !== "") yield piece;
      }
      const { usage, answeredBy } = step.value;
      Object.assign(attempt, { usage, answeredBy });
      this.usage = added(this.usage, usage);
      return step.value;
    } catch (error) {
      attempt.errors = [{ path: "", message: String(error?.message ?? error) }];
      throw error;
    } finally {
      attempt.duration = (performance.now() - began) / 1000;
      await asking.return();
    }
  }

  async #perform(calls) {
    const begun = beginCalls(calls, this.tools, this.call.deadline);
    this.trace.at(-1).toolCalls = begun.map(({ record }) => record);
    this.talk.push(...(await this.call.deadline.wait(Promise.all(begun.map(({ message }) => message)))));
  }
}

/** A text that was handed out can't be taken back. */
const begunAnew = (text) => new LLMFunctionError("the answer has begun anew", { kind: "truncated", partial: { text, reasoning: "" } });

/** An answer while it arrives, text by text. */
class ChatTurn extends Arriving {
  constructor(begin) {
    super(begin, (piece) => piece);
  }

  get history() {
    return this.result().then(({ history }) => history);
  }

  get text() {
    return this.result().then(({ text }) => text);
  }
}
