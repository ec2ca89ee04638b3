// Typed functions: the description is the prompt, the types are the contract.

import { endable } from "./deadline.js";
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
  return endable(async function* (begin) {
    const { timeout, signal, ...terms } = termsOf(plan.settings, options);
    const args = await argumentsOf(plan, given);
    const session = new Session(plan, { ...terms, args, deadline: begin(timeout, signal), streams, llm: plan.llm });
    const value = yield* session.run();
    if (streams) yield { attempt: session.trace.length, value };
    return { value, trace: session.trace, usage: session.usage };
  });
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
