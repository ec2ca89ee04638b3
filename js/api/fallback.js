// Several interfaces behind one: a call goes to the first, and on to the next where it is not answered.

import { checked, Circuit } from "lockkeeper-core";
import { callSite, configError } from "./errors.js";
import { FallbackChunks } from "./fallback-chunks.js";
import { attributed, problemOfInterrupt, ROUTE } from "./route.js";
import { onAbort, problemOfSignal } from "./signals.js";
import { ChatStream, Reading, Unasked } from "./stream.js";
import { Walk, within } from "./walk.js";

const CHAT_TIMEOUT = 600; // seconds

export class Fallback {
  #targets;
  #timeout;
  #onInterrupt;

  constructor(targets, options) {
    const site = callSite(Fallback);
    const { timeout, onInterrupt } = options ?? {};
    const problems = [...problemsOfTargets(targets), ...problemOfTimeout(timeout), ...problemOfInterrupt(onInterrupt)];
    if (problems.length) throw configError(problems, site);
    this.#targets = targets.map((llm, index) => targetOf(llm, index, targets.length > 1));
    [this.#timeout, this.#onInterrupt] = [timeout, onInterrupt];
  }

  async chat(messages, options) {
    const site = callSite(this.chat);
    const { signal } = checkedOptions(options, site);
    const walk = this.#walk(options, site, CHAT_TIMEOUT);
    for (;;) {
      signal?.throwIfAborted();
      const leg = walk.nextLeg();
      try {
        const answer = await untilAborted(within(leg.limit, leg.target.llm.chat(messages, leg.options)), signal);
        leg.gate?.ended();
        return answer.answeredBy ? answer : attributed(answer, leg.target.answeredBy);
      } catch (error) {
        walk.failed(leg, error);
      } finally {
        leg.gate?.free();
      }
    }
  }

  chatStream(messages, options) {
    const site = callSite(this.chatStream);
    try {
      const { signal, onInterrupt = this.#onInterrupt } = checkedOptions(options, site);
      const source = new FallbackChunks(() => this.#walk(options, site), messages, onInterrupt === "restart");
      return new ChatStream(new Reading(source, messages, signal));
    } catch (error) {
      return new ChatStream(new Reading(new Unasked(error), messages));
    }
  }

  statuses() {
    return this.#targets.map(({ name, circuit }) => ({ name, circuit: circuit?.state ?? "closed" }));
  }

  get modelInfo() {
    const { provider, model } = this.#targets[0].info;
    return { provider, model, timeout: this.#timeout };
  }

  /** A call that sets out now; `usual` is how long one may take where nobody has said. */
  #walk(options, site, usual) {
    const total = options?.timeout ?? this.#timeout ?? this.#targets[0].info.timeout ?? usual;
    return new Walk(this.#targets, options, total, site);
  }
}

function targetOf(llm, index, hasOthers) {
  const info = llm.modelInfo ?? {};
  const name = [info.provider, info.model].filter((part) => part).join("/") || `target ${index + 1}`;
  const answeredBy = { provider: info.provider ?? "", model: info.model ?? name, keyLabel: "" };
  return { llm, info, name, answeredBy, keepsTime: llm[ROUTE] === true, circuit: hasOthers ? new Circuit() : undefined };
}

function problemsOfTargets(targets) {
  if (!Array.isArray(targets) || targets.length === 0) return [["targets", "expected a list of at least one LLMInterface"]];
  const fits = (llm) => typeof llm?.chat === "function" && typeof llm.chatStream === "function";
  return targets.flatMap((llm, index) => (fits(llm) ? [] : [[`targets[${index}]`, "expected an object with `chat` and `chatStream`"]]));
}

function problemOfTimeout(timeout) {
  if (timeout === undefined) return [];
  const problem = typeof timeout !== "number" ? "expected a number of seconds" : timeout === 0 ? "must be above 0" : checked(timeout);
  return problem ? [["timeout", problem]] : [];
}

/** The options, where what the fallback itself reads of them makes sense; the rest is for the targets to check. */
function checkedOptions(options, site) {
  const { signal, timeout, onInterrupt } = Object(options ?? {});
  const problems = [...problemOfSignal(signal), ...problemOfTimeout(timeout ?? undefined), ...problemOfInterrupt(onInterrupt)];
  if (problems.length) throw configError(problems, site);
  return { signal, onInterrupt };
}

/** Some work, or the signal's reason, whichever comes first: targets of somebody's own may not look at it. */
async function untilAborted(work, signal) {
  let stop = () => {};
  const aborted = new Promise((_, reject) => (stop = onAbort(signal, () => reject(signal.reason))));
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stop();
  }
}
