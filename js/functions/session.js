// A call of a typed function on its way: what was tried, what it cost, and the loop over requests, tools and repairs.

import { textOf } from "../api/text.js";
import { partialIn, RESULT, valueIn } from "./answer.js";
import { ask, callsIn } from "./ask.js";
import { THINKING, withoutThinking } from "./candidates.js";
import { isSame } from "./convert.js";
import { functionError, LLMFunctionError, traced } from "./errors.js";
import { isEmpty } from "./example.js";
import { fit } from "./fit.js";
import { isSaid, question, repairTurn, task } from "./prompt.js";
import { ANSWER, answerTool, experienceOf, optionsOf, refusalIn } from "./strategies.js";
import { beginCalls } from "./tools.js";
import { added } from "./usage.js";

/** Characters: what is shorter is read at each of its pieces. */
const SHORT = 4096;

const COPIED = { path: "$", message: "that is the example: put your own values in place of its" };

export class Session {
  trace = [];
  usage;
  #plan;
  #call;
  #experience;
  #talk = [];
  #repair = [];
  #lastSaid;
  #repairs = 0;
  #steps = 0;

  /** `plan` is the function, `call` this call of it: `{ llm, deadline, streams, options, args, maxRepairs, maxSteps }`. */
  constructor(plan, call) {
    [this.#plan, this.#call] = [plan, call];
    this.#experience = experienceOf(call.llm, call.options.model);
  }

  /** Asks until the answer fits: yields `{ attempt, value }` for what arrives of it, and gives the value. */
  async *run() {
    try {
      for (;;) {
        const reply = yield* this.#ask();
        if (!reply) continue; // refused: the next way
        const calls = reply.calls.filter(({ function: { name } }) => name !== ANSWER || !this.#plan.wire);
        if (calls.length && this.#plan.tools.length) await this.#perform(reply, calls);
        else {
          const outcome = await this.#read(reply);
          if (!outcome.errors) return outcome.value;
          this.#beginRepair(reply, outcome);
        }
      }
    } catch (error) {
      const { signal } = this.#call.deadline;
      const cause = signal.aborted ? signal.reason : error; // whatever the end of the call has broken
      throw signal.aborted && !(cause instanceof LLMFunctionError) ? cause : traced(cause, this.trace, this.usage);
    }
  }

  get #strategy() {
    const { wire, tools, refused } = this.#plan;
    return !wire ? "text" : tools.length ? "tool" : this.#experience.next(refused);
  }

  async *#ask() {
    const strategy = this.#strategy;
    const attempt = { strategy, text: "", toolCalls: [], errors: [], duration: 0 };
    const number = this.trace.push(attempt);
    const began = performance.now();
    try {
      const reply = yield* this.#listen(ask(this.#call, this.#messages(strategy), this.#options(strategy)), strategy, number);
      const calls = callsIn(reply.message);
      const answer = calls.find(({ function: { name } }) => name === ANSWER) ?? (this.#plan.tools.length ? undefined : calls[0]);
      attempt.text = strategy === "tool" && answer ? writtenIn(answer) : reply.text;
      Object.assign(attempt, { usage: reply.usage, answeredBy: reply.answeredBy });
      this.usage = added(this.usage, reply.usage);
      return { ...reply, calls, attempt, said: attempt.text };
    } catch (error) {
      attempt.errors = [{ path: "", message: String(error?.message ?? error) }];
      if (!this.#isRefused(error, attempt)) throw error;
      return undefined;
    } finally {
      attempt.duration = (performance.now() - began) / 1000;
    }
  }

  /** Yields what is new of the value. */
  async *#listen(asking, strategy, attempt) {
    let shown;
    let read = 0;
    let step;
    try {
      while (!(step = await asking.next()).done) {
        const text = this.#textOf(step.value, strategy);
        if (text.length >= read && text.length - read < stepOf(text.length)) continue;
        read = text.length;
        const partial = this.#partialOf(text);
        if (partial === undefined || (shown && isSame(shown.value, partial.value))) continue;
        shown = partial;
        yield { attempt, value: partial.value };
      }
      return step.value;
    } finally {
      await asking.return();
    }
  }

  /** What has come of the answer. */
  #textOf(message, strategy) {
    const call = strategy === "tool" && callsIn(message).find(({ function: { name } }) => name === ANSWER);
    return call ? writtenIn(call) : textOf(message.content);
  }

  #partialOf(text) {
    const { contract, wire } = this.#plan;
    if (wire) return partialIn(text, contract.jsonSchema, wire.isWrapped);
    const said = withoutThinking(text);
    return THINKING.startsWith(said.trimStart()) ? undefined : { value: said };
  }

  #messages(strategy) {
    const { description, wire, tools } = this.#plan;
    const { args } = this.#call;
    const system = { role: "system", content: task(description, args, strategy, wire, tools.length > 0) };
    return [system, { role: "user", content: question(args, strategy, wire) }, ...this.#talk, ...this.#repair];
  }

  #options(strategy) {
    const { wire, tools, name } = this.#plan;
    if (!tools.length) return { ...this.#call.options, ...(wire ? optionsOf(strategy, { ...wire, name }) : {}) };
    const all = tools.map(({ written }) => written);
    return { ...this.#call.options, tools: wire ? [...all, answerTool(wire.schema)] : all };
  }

  #isRefused(error, attempt) {
    const { strategy } = attempt;
    const refusal = this.#plan.wire && !this.#plan.tools.length ? refusalIn(error, strategy) : undefined;
    if (!refusal) return false;
    attempt.refused = true;
    if (refusal === "schema") this.#plan.refused.add(strategy);
    else this.#experience.refused(strategy);
    return true;
  }

  /** Runs the tools that the model has called, all at once, and tells it what came of it. */
  async #perform({ message, finish, calls: all, attempt }, calls) {
    if (finish === "length") throw functionError("truncated", { note: "within a tool call" });
    if (++this.#steps > this.#call.maxSteps) throw functionError("step_limit", { note: `${this.#call.maxSteps} steps are allowed (maxSteps)` });
    const begun = beginCalls(calls, this.#plan.tools, this.#call.deadline);
    attempt.toolCalls = begun.map(({ record }) => record);
    const told = await this.#call.deadline.wait(Promise.all(begun.map(({ message }) => message)));
    const others = all.filter((call) => !calls.includes(call)).map(({ id }) => ({ role: "tool", tool_call_id: id, content: "error: give the answer when the tools have answered" }));
    this.#repair = [];
    this.#talk.push({ ...message, role: "assistant", content: message.content ?? null, tool_calls: all }, ...told, ...others);
  }

  /** The value of a reply, or what is wrong with it. */
  async #read(reply) {
    const { contract, wire } = this.#plan;
    if (reply.message.refusal) throw functionError("refused", { note: reply.message.refusal });
    if (reply.finish === "content_filter") throw functionError("refused", { note: "content_filter" });
    const read = wire ? valueIn(reply.said, contract.jsonSchema, wire.isWrapped, reply.finish === "length") : textIn(reply.said, contract);
    if (wire && !this.#plan.tools.length) this.#experience.answered(reply.attempt.strategy, !read.none);
    if (reply.finish === "length" && (read.errors || !wire)) throw functionError("truncated", { partial: partialOf(reply, this.#plan) });
    const told = read.errors || !this.#isCopy(read, reply.attempt) ? read : { ...read, errors: [COPIED] };
    const outcome = told.errors || !contract?.check ? told : await this.#call.deadline.wait(contract.check(told.value));
    reply.attempt.errors = outcome.errors ?? [];
    return outcome;
  }

  /** Whether the model has but copied the example that it was shown. */
  #isCopy({ value }, { strategy }) {
    const { wire, tools } = this.#plan;
    if (!wire || !(isSaid(strategy) || tools.length || this.#repair.length)) return false;
    const example = wire.isWrapped ? wire.example[RESULT] : wire.example;
    return isEmpty(example) && isSame(value, example);
  }

  #beginRepair({ said }, { errors, value }) {
    if (this.#repairs++ >= this.#call.maxRepairs) {
      throw functionError("invalid_answer", { errors, partial: { text: said, reasoning: "", value } });
    }
    // Who says the same again has not understood: small models copy what they have said. It is asked from the beginning.
    this.#repair = said === this.#lastSaid ? [] : repairTurn(said, errors, this.#plan.wire);
    this.#lastSaid = said;
  }
}

/** How much of a text must be new for it to be read again, from its beginning: of long ones a hundredth or so. */
const stepOf = (length) => (length > SHORT ? length >> 7 : 1);

/** What a text answer is: the text without the model's thinking. */
function textIn(said, contract) {
  const text = withoutThinking(said).trim();
  return text === "" ? { errors: [{ path: "$", message: "the answer is empty" }] } : contract ? fitText(text, contract) : { value: text };
}

function fitText(text, { jsonSchema }) {
  const { errors } = fit(text, jsonSchema, { exact: true });
  return errors.length ? { errors, value: text } : { value: text };
}

function partialOf({ said }, { contract, wire }) {
  const value = wire ? partialIn(said, contract.jsonSchema, wire.isWrapped)?.value : withoutThinking(said);
  return { text: said, reasoning: "", value };
}

const writtenIn = ({ function: { arguments: written } }) => (typeof written === "string" ? written : JSON.stringify(written ?? ""));
