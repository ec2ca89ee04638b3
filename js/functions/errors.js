// What goes wrong with a typed function, beside all that can go wrong with the call beneath it.

import { ConfigError, LLMError } from "./api.js";
import { told } from "./words.js";

/** The error of a call of a typed function: what was tried is in its `trace`. */
export class LLMFunctionError extends LLMError {
  static {
    for (const [of, more] of [[this, {}], [this.prototype, { writable: true }]]) {
      Object.defineProperty(of, "name", { value: "LLMFunctionError", configurable: true, ...more });
    }
  }

  trace = [];
  errors = [];

  constructor(message, { trace = [], errors = [], ...details } = {}) {
    super(message, details);
    [this.trace, this.errors] = [trace, errors];
  }
}

const TEXTS = {
  invalid_answer: "the model's answer does not fit",
  refused: "the model refuses to answer",
  truncated: "the answer was cut at the most LLM tokens that it may have (finish_reason: length)",
  step_limit: "the model goes on calling tools",
};

/** An error of a kind of ours; what the errors are stands in its message, too. */
export function functionError(kind, { errors = [], note, ...details } = {}) {
  const message = [TEXTS[kind], note, errors.map(told).join("; ")].filter((part) => part).join(": ");
  return new LLMFunctionError(message, { ...details, kind, errors });
}

/** The same error with the trace; what comes from the layers below becomes its cause, and says what it is as before. */
export function traced(error, trace, usage) {
  if (error instanceof LLMFunctionError) return Object.assign(error, { trace, usage: usage ?? error.usage });
  if (!(error instanceof LLMError)) return new LLMFunctionError(String(error?.message ?? error), { kind: "connection", trace, usage, cause: error });
  return new LLMFunctionError(error.message, { ...error, trace, usage: usage ?? error.usage, cause: error });
}

/** A mistake of the caller's: nothing was sent. */
export function misuse(problems) {
  const all = problems.map(({ path, message }) => ({ path, line: 0, message }));
  const texts = all.map(told);
  return new ConfigError(texts.length === 1 ? texts[0] : [`${texts.length} problems:`, ...texts].join("\n  "), { problems: all });
}
