// Several interfaces behind one: a call goes to the first, and on to the next where it is not answered.

import { checked, Circuit } from "lockkeeper-core";
import { callSite, configError, DecodeError } from "./errors.js";
import { FallbackChunks } from "./fallback-chunks.js";
import { attributed, problemOfInterrupt, ROUTE } from "./route.js";
import { problemOfSignal } from "./signals.js";
import { ChatStream, Reading, Unasked } from "./stream.js";
import { Walk, within } from "./walk.js";

const CHAT_TIMEOUT = 600; // seconds
/** What is read of options, whether they are the object's own or inherited. */
const READ = ["signal", "maxRetries", "timeout", "headersTimeout", "firstTokenTimeout", "idleTimeout", "onInterrupt"];

export class Fallback {
  #targets;
  #timeout;
  #onInterrupt;

  constructor(targets, options) {
    const site = callSite(Fallback);
    const { timeout, onInterrupt } = options ?? {};
    const problems = [...problemsOfTargets(targets), ...problemOfTimeout("timeout", timeout), ...problemOfInterrupt(onInterrupt)];
    if (problems.length) throw configError(problems, site);
    this.#targets = targets.map((llm, index) => targetOf(llm, index, targets.length > 1));
    [this.#timeout, this.#onInterrupt] = [timeout, onInterrupt];
  }

  async chat(messages, options) {
    const site = options?.[ROUTE]?.site ?? callSite(this.chat);
    const [said, asked] = [copyOf(messages), optionsOf(options, site)];
    const { signal } = asked;
    const walk = this.#walk(asked, site, CHAT_TIMEOUT);
    for (;;) {
      if (signal?.aborted) throw signal.reason;
      const leg = walk.nextLeg();
      try {
        const answer = await within(walk.limitOfAnswer(leg), leg.target.llm.chat(said, leg.options), signal);
        const told = leg.target.ours ? answer : attributedCopy(answer, leg.target.answeredBy);
        leg.gate?.ended();
        return told;
      } catch (error) {
        walk.failed(leg, error);
      } finally {
        leg.close();
      }
    }
  }

  chatStream(messages, options) {
    const site = options?.[ROUTE]?.site ?? callSite(this.chatStream);
    try {
      const asked = optionsOf(options, site);
      const restarts = (asked.onInterrupt ?? this.#onInterrupt) === "restart";
      const source = new FallbackChunks(() => this.#walk(asked, site), copyOf(messages), restarts);
      return new ChatStream(new Reading(source, messages, asked.signal));
    } catch (error) {
      return new ChatStream(new Reading(new Unasked(error), messages));
    }
  }

  statuses() {
    return this.#targets.map(({ name, circuit }) => ({ name, circuit: circuit?.state ?? "closed" }));
  }

  get modelInfo() {
    const { provider, model, retryDelay } = this.#targets[0].info;
    return { provider, model, retryDelay, timeout: this.#timeout };
  }

  /** It keeps the clocks of a call, and knows what a fallback tells it. */
  get [ROUTE]() {
    return true;
  }

  /** A call that sets out now; `usual` is how long one may take where nobody has said. */
  #walk(options, site, usual) {
    const total = options.timeout ?? this.#timeout ?? this.#targets[0].info.timeout ?? usual;
    return new Walk(this.#targets, options, total, site);
  }
}

function targetOf(llm, index, hasOthers) {
  const info = llm.modelInfo ?? {};
  const name = [info.provider, info.model].filter((part) => part).join("/") || `target ${index + 1}`;
  const answeredBy = { provider: info.provider ?? "", model: info.model ?? name, keyLabel: "" };
  const ours = llm[ROUTE] === true;
  return { llm, info, name, answeredBy, ours, keepsTime: ours, circuit: hasOthers ? new Circuit() : undefined };
}

function problemsOfTargets(targets) {
  if (!Array.isArray(targets) || targets.length === 0) return [["targets", "expected a list of at least one LLMInterface"]];
  return targets.flatMap((llm, index) => {
    if (typeof llm?.chat !== "function" || typeof llm.chatStream !== "function") {
      return [[`targets[${index}]`, "expected an object with `chat` and `chatStream`"]];
    }
    const { contextWindow, timeout } = llm.modelInfo ?? {};
    const problems = problemOfTimeout(`targets[${index}].modelInfo.timeout`, timeout);
    if (contextWindow !== undefined && !(contextWindow > 0)) problems.push([`targets[${index}].modelInfo.contextWindow`, "expected a number above 0"]);
    return problems;
  });
}

function problemOfTimeout(path, timeout) {
  if (timeout === undefined || timeout === null) return [];
  const problem = typeof timeout !== "number" ? "expected a number of seconds" : timeout === 0 ? "must be above 0" : checked(timeout);
  return problem ? [[path, problem]] : [];
}

/** The options as they are now, where what the fallback itself reads of them makes sense; the rest is for the targets to check. */
function optionsOf(options, site) {
  if (typeof (options ?? {}) !== "object") throw configError([["options", "expected an object"]], site);
  const own = { ...options };
  for (const name of Object.keys(own)) if (name !== "signal") own[name] = copyOf(own[name]);
  for (const name of READ) if (options?.[name] !== undefined) own[name] = options[name];
  const problems = [...problemOfSignal(own.signal), ...problemOfTimeout("timeout", own.timeout), ...problemOfInterrupt(own.onInterrupt)];
  if (problems.length) throw configError(problems, site);
  return { ...own, timeout: own.timeout ?? undefined };
}

/** What was said when the call was made is what every target is asked, whatever becomes of it later. */
function copyOf(value) {
  if (typeof value !== "object" || value === null) return value;
  try {
    return structuredClone(value);
  } catch {
    return value; // something in it can't be copied: the request will say so, or write it as it is
  }
}

function attributedCopy(answer, answeredBy) {
  if (typeof answer !== "object" || answer === null) throw new DecodeError(`expected an answer, found ${answer}`);
  return attributed({ ...answer }, answer.answeredBy ?? answeredBy);
}
