// One call's way from target to target: where it may go next, how long it may take there, and what it has met so
// far. The same way as the library's own, in src/fallback/walk.rs.

import { movesOn } from "lockkeeper-core";
import { CircuitOpenError, configError, ConnectionError, errorOf, LLMError, retold, TimeoutError } from "./errors.js";
import { ROUTE } from "./route.js";
import { onAbort } from "./signals.js";

const RETRY_DELAY = 1; // seconds
const LONGEST_PAUSE = 60;
/** So much later than a target that keeps time itself it is held to its time: one that wraps such a target may keep none. */
const SLACK = 0.25;
/** When there is no more left of a call, it is over: timers may ring that much early. */
const INSTANT = 0.002;
/** The clocks of a stream where none are set. */
const [FIRST_TOKEN, IDLE] = [120, 60];

const now = () => performance.now() / 1000;

export class Walk {
  attempts = [];
  #targets;
  #options;
  #outer;
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
    [this.#targets, this.#options, this.#total, this.#site] = [targets, options, total, site];
    // How the call is itself one of several, where this fallback stands behind another.
    this.#outer = options[ROUTE] ?? { gates: [], hasNext: false };
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
    const others = this.#targets.slice(this.#next).filter((other) => this.#mayAsk(other)).length;
    const began = now();
    const outer = this.#outerLeft;
    const left = this.left;
    const toBegin = least(left, outer);
    const beginWithin = others > 0 && toBegin !== undefined ? toBegin / (others + 1) : outer;
    // What the call says goes for all of it; what a target says, for its part.
    const own = this.#options.timeout == null ? target.info.timeout : undefined;
    const route = {
      gates: [...this.#outer.gates, ...(gate ? [gate] : [])],
      hasNext: others > 0 || this.#outer.hasNext,
      beginWithin,
      site: this.#site,
    };
    const options = { ...this.#options, timeout: least(left, own), [ROUTE]: route };
    if (target !== this.#targets[0]) delete options.model; // the others know it by another name
    return { target, gate, options, began, limit: beginWithin ?? left, close: leaving(gate, target, options) };
  }

  /** Takes in how a target has failed. Throws the call's error where no other would do better, or the time is up. */
  failed(leg, error) {
    const { signal } = this.#options;
    if (signal?.aborted) throw signal.reason;
    const { kind, status } = typed(error);
    leg.gate?.ended(kind, status);
    if (kind === "context_length_exceeded") this.#tooSmall = Math.max(this.#tooSmall ?? 0, leg.target.info.contextWindow ?? 0) || undefined;
    this.#note(leg.target, error, leg.began);
    if (movesOn(kind) && !(least(this.left, this.#outerLeft) <= INSTANT)) return;
    // It is this failure that ends the call, not that there is nobody else.
    this.#reasons.length = 1;
    throw this.#fullFailure();
  }

  /** Goes to the same target once more, after the pause that comes before a retry of this number; false where there is no time for that. */
  async again(leg, retry) {
    const full = Math.min((leg.target.info.retryDelay ?? RETRY_DELAY) * 2 ** retry, LONGEST_PAUSE);
    const pause = (full / 2) * (1 + Math.random());
    if (pause >= this.left) return false;
    this.#next = this.#targets.indexOf(leg.target);
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    return true;
  }

  /** Whether there is no other target to go to. */
  get isOver() {
    return !this.#targets.slice(this.#next).some((target) => this.#mayAsk(target));
  }

  /** How many seconds are left of the whole call. */
  get left() {
    return this.#total === undefined ? undefined : Math.max(INSTANT, this.#started + this.#total - now());
  }

  /** How long the next chunk may take, before the first visible one or after it. */
  limitOfChunk({ target, options, limit, began }, isVisible) {
    const own = isVisible ? this.left : limit;
    if (target.keepsTime) return own === undefined ? undefined : own + SLACK;
    const silence = isVisible ? (options.idleTimeout ?? IDLE) : Math.max(INSTANT, (options.firstTokenTimeout ?? FIRST_TOKEN) - (now() - began));
    return least(own, silence);
  }

  /** How long a whole answer may take. */
  limitOfAnswer({ target, limit }) {
    return limit !== undefined && target.keepsTime ? limit + SLACK : limit;
  }

  get #outerLeft() {
    const { beginWithin } = this.#outer;
    return beginWithin === undefined ? undefined : Math.max(INSTANT, this.#started + beginWithin - now());
  }

  #mayAsk(target) {
    return (target.circuit?.passable ?? true) && this.#isRoomy(target);
  }

  /** Where both are declared, the window must be larger than the one that was too small. */
  #isRoomy({ info: { contextWindow } }) {
    return !contextWindow || !this.#tooSmall || contextWindow > this.#tooSmall;
  }

  /** Notes the attempts at a target that the call came to at `began`. */
  #note(target, error, began) {
    const one = typed(error);
    const { kind, status, message, keyLabel = "", attempts, retryAt } = one;
    const made = attempts.length ? attempts : [{ keyLabel, kind, status, message, startedAfter: 0, took: now() - began }];
    const later = began - this.#started;
    // A fallback within this one has said more exactly whose an attempt was.
    this.attempts.push(...made.map((it) => ({ target: target.name, ...it, startedAfter: it.startedAfter + later })));
    this.#reasons.push(`${target.name}: ${kind}: ${message}`);
    if (retryAt && !(this.#retryAt < retryAt)) this.#retryAt = retryAt;
    // That a circuit is open says less than what a target has said.
    if (!this.#last || !(one instanceof CircuitOpenError)) this.#last = one;
  }

  /** The error of a call that nobody has answered. */
  #fullFailure() {
    if (!this.#last) return configError([["targets", "a fallback needs a target"]], this.#site);
    const message = this.#reasons.length > 1 ? `no target answered: ${this.#reasons.join("; ")}` : this.#last.message;
    return this.told(this.#last, message);
  }

  /** The same error with every attempt of the call, whose stack is the caller's. */
  told(error, message = typed(error).message) {
    return retold(typed(error), message, { attempts: this.attempts, retryAt: this.#retryAt }, this.#site);
  }
}

/** An error of this library: what is none comes from a target that did not work. */
function typed(error) {
  return error instanceof LLMError ? error : new ConnectionError(String(error?.message ?? error), { cause: error });
}

/** What lets go of a target. One that looks at its signal is told when it is left. */
function leaving(gate, target, options) {
  if (target.keepsTime) return () => gate?.free();
  const own = new AbortController();
  const { signal } = options;
  const stop = onAbort(signal, () => own.abort(signal.reason));
  options.signal = own.signal;
  return () => {
    stop();
    own.abort();
    gate?.free();
  };
}

/** Does some work, but for no more than so many seconds, and not beyond the signal's abort. */
export async function within(seconds, work, signal) {
  let timer;
  let ignore = () => {};
  const over = new Promise((_, reject) => {
    const late = () => new TimeoutError(`the call did not end within ${Number(seconds.toFixed(3))}s (timeout)`, { clock: "timeout" });
    if (seconds !== undefined) timer = setTimeout(() => reject(late()), Math.min(Math.ceil(seconds * 1000), 2 ** 31 - 1));
    ignore = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    ignore();
  }
}

const least = (...numbers) => {
  const known = numbers.filter((number) => number !== undefined);
  return known.length ? Math.min(...known) : undefined;
};
