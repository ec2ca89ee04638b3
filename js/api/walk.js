// One call's way from target to target: where it may go next, how long it may take there, and what it has met so
// far. The same way as the library's own, in src/fallback/walk.rs.

import { movesOn } from "lockkeeper-core";
import { CircuitOpenError, configError, errorOf, retold, ConnectionError, LLMError, TimeoutError } from "./errors.js";
import { ROUTE } from "./route.js";

const now = () => performance.now() / 1000;

export class Walk {
  attempts = [];
  #targets;
  #options;
  #total;
  #site;
  #started = now();
  #next = 0;
  #tooSmall;
  #reasons = [];
  #last;
  #retryAt;

  /** A call that sets out now, and may take so many seconds in all. */
  constructor(targets, options, total, site) {
    [this.#targets, this.#options, this.#total, this.#site] = [targets, options ?? {}, total, site];
  }

  /** Goes to the next target that lets the call in. Throws where there is none, with all that was tried. */
  nextLeg() {
    while (this.#next < this.#targets.length) {
      const target = this.#targets[this.#next++];
      if (!this.#isRoomy(target)) continue;
      try {
        return this.#leg(target, target.circuit?.enter());
      } catch (thrown) {
        this.#note(target, Array.isArray(thrown) ? errorOf(thrown) : thrown, now());
      }
    }
    throw this.#fullFailure();
  }

  #leg(target, gate) {
    const others = this.#targets.slice(this.#next).filter((other) => (other.circuit?.passable ?? true) && this.#isRoomy(other));
    const began = now();
    const left = this.#total === undefined ? undefined : Math.max(0.001, this.#started + this.#total - began);
    const hasNext = others.length > 0;
    const beginWithin = hasNext && left !== undefined ? left / (others.length + 1) : undefined;
    // What the call says goes for all of it; what a target says, for its part.
    const own = this.#options.timeout == null ? target.info.timeout : undefined;
    const timeout = least(left, own);
    const options = { ...this.#options, timeout, [ROUTE]: { gate, hasNext, beginWithin } };
    return { target, gate, options, began, limit: target.keepsTime ? undefined : (beginWithin ?? left) };
  }

  /** Takes in how a target has failed. Throws the call's error where no other would do better, or the time is up. */
  failed(leg, error) {
    const { signal } = this.#options;
    if (signal?.aborted) {
      leg.gate?.leave();
      throw signal.reason;
    }
    const { kind = "connection", status } = error instanceof LLMError ? error : {};
    leg.gate?.ended(kind, status);
    if (kind === "context_length_exceeded") this.#tooSmall = Math.max(this.#tooSmall ?? 0, leg.target.info.contextWindow ?? 0) || undefined;
    this.#note(leg.target, error, leg.began);
    if (movesOn(kind) && !(now() - this.#started >= this.#total)) return;
    // It is this failure that ends the call, not that there is nobody else.
    this.#reasons.length = 1;
    throw this.#fullFailure();
  }

  /** Goes to the same target once more. */
  again(leg) {
    this.#next = this.#targets.indexOf(leg.target);
  }

  /** Whether every target has been asked. */
  get isOver() {
    return this.#next >= this.#targets.length;
  }

  /** How many seconds are left of the whole call. */
  get left() {
    return this.#total === undefined ? undefined : Math.max(0, this.#started + this.#total - now());
  }

  /** Where both are declared, the window must be larger than the one that was too small. */
  #isRoomy({ info: { contextWindow } }) {
    return !contextWindow || !this.#tooSmall || contextWindow > this.#tooSmall;
  }

  /** Notes the attempts at a target that the call came to at `began`. */
  #note(target, error, began) {
    const typed = error instanceof LLMError ? error : new ConnectionError(String(error?.message ?? error), { cause: error });
    const { kind, status, message, keyLabel = "", attempts, retryAt } = typed;
    const made = attempts.length ? attempts : [{ keyLabel, kind, status, message, startedAfter: 0, took: now() - began }];
    const later = began - this.#started;
    this.attempts.push(...made.map((one) => ({ ...one, target: target.name, startedAfter: one.startedAfter + later })));
    this.#reasons.push(`${target.name}: ${kind}: ${message}`);
    if (retryAt && !(this.#retryAt < retryAt)) this.#retryAt = retryAt;
    // That a circuit is open says less than what a target has said.
    if (!this.#last || !(typed instanceof CircuitOpenError)) this.#last = typed;
  }

  /** The error of a call that nobody has answered. */
  #fullFailure() {
    if (!this.#last) return configError([["targets", "a fallback needs a target"]], this.#site);
    const message = this.#reasons.length > 1 ? `no target answered: ${this.#reasons.join("; ")}` : this.#last.message;
    return retold(this.#last, message, { attempts: this.attempts, retryAt: this.#retryAt }, this.#site);
  }
}

/** Does some work, but for no more than so many seconds. */
export async function within(seconds, work) {
  if (seconds === undefined) return work;
  let timer;
  const late = new Promise((_, reject) => {
    const error = () => new TimeoutError(`the call did not end within ${Number(seconds.toFixed(3))}s (timeout)`, { clock: "timeout" });
    timer = setTimeout(() => reject(error()), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const least = (...numbers) => {
  const known = numbers.filter((number) => number !== undefined);
  return known.length ? Math.min(...known) : undefined;
};
