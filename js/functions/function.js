// Typed functions: the description is the prompt, the types are the contract.

import { Deadline } from "./deadline.js";
import { argumentsOf, planOf, termsOf } from "./plan.js";
import { Session } from "./session.js";
import { Arriving } from "./stream.js";

/** A function that a model carries out. */
export function llmFunction(definition) {
  const plan = planOf(definition);
  const run = (args, options) => resultOf(itemsOf(plan, args, options, false).items);
  const call = async (args, options) => (await run(args, options)).value;
  const stream = (args, options) => new FunctionStream(() => itemsOf(plan, args, options, true));
  return Object.assign(call, { run, stream });
}

/** The call as an iterator over what arrives, which ends with the result; and what ends it. */
function itemsOf(plan, given, options, streams) {
  let deadline;
  let reason;
  async function* items() {
    const { timeout, signal, ...terms } = termsOf(plan.settings, options);
    const args = await argumentsOf(plan, given);
    deadline = new Deadline(timeout, signal);
    if (reason) deadline.end(reason.value);
    try {
      const session = new Session(plan, { ...terms, args, deadline, streams, llm: plan.llm });
      const value = yield* session.run();
      if (streams) yield { attempt: session.trace.length, value };
      return { value, trace: session.trace, usage: session.usage };
    } finally {
      deadline.close();
    }
  }
  const end = (value) => {
    reason = { value };
    deadline?.end(value);
  };
  return { items: items(), end };
}

async function resultOf(items) {
  for (;;) {
    const { value, done } = await items.next();
    if (done) return value;
  }
}

/** What a typed function answers while it arrives. */
class FunctionStream extends Arriving {
  attempt = 0;

  constructor(begin) {
    super(begin, ({ attempt, value }) => {
      this.attempt = attempt;
      return value;
    });
  }

  get value() {
    return this.result().then(({ value }) => value);
  }
}
