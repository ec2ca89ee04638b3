// The time that a call may take with all its attempts, and the caller's wish to end it.

import { onAbort } from "../api/signals.js";
import { LLMFunctionError } from "./errors.js";

const now = () => performance.now() / 1000;

export class Deadline {
  #controller = new AbortController();
  #ends;
  #timer;
  #ignore;
  #over;

  /** Begins now: so many seconds, or no end where that is undefined. */
  constructor(seconds, signal) {
    this.#over = new Promise((_, reject) => this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true }));
    this.#over.catch(() => {}); // it may ring when nobody waits
    this.#ignore = onAbort(signal, () => this.end(signal.reason));
    if (signal?.aborted) this.end(signal.reason);
    if (seconds === undefined) return;
    this.#ends = now() + seconds;
    const late = () => this.end(new LLMFunctionError(`the call did not end within ${seconds}s (timeout)`, { kind: "timeout", clock: "timeout" }));
    this.#timer = setTimeout(late, Math.ceil(seconds * 1000));
  }

  /** Tells whoever works for this call to stop. */
  get signal() {
    return this.#controller.signal;
  }

  /** What is left, in seconds; undefined where there is no end. */
  get left() {
    return this.#ends === undefined ? undefined : Math.max(this.#ends - now(), 0.001);
  }

  /** Waits for some work, but not beyond the end. */
  wait(work) {
    return Promise.race([this.#over, work]);
  }

  /** Ends the call for this reason, if it has not ended. */
  end(reason) {
    this.close();
    this.#controller.abort(reason);
  }

  /** Lets go of the timer and of the caller's signal. */
  close() {
    clearTimeout(this.#timer);
    this.#ignore?.();
  }
}

/**
 * What arrives under a deadline, as an iterator, and what ends it, also before it has begun. `work` is given what sets
 * the deadline.
 */
export function endable(work) {
  let deadline;
  let reason;
  const begin = (timeout, signal) => {
    deadline = new Deadline(timeout, signal);
    if (reason) deadline.end(reason.value);
    return deadline;
  };
  async function* items() {
    try {
      return yield* work(begin);
    } finally {
      deadline?.close();
    }
  }
  const end = (value) => {
    reason = { value };
    deadline?.end(value);
  };
  return { items: items(), end };
}
