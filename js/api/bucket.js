// The token bucket.

import { Bucket, checked } from "lockkeeper-core";
import { callSite, configError, optionErrorOf } from "./errors.js";
import { problemOfPriority } from "./priority.js";
import { problemOfSignal } from "./signals.js";
import { runUntil } from "./task.js";

export class TokenBucket {
  #core;

  constructor(options) {
    if (options instanceof Bucket) {
      this.#core = options;
      return;
    }
    const site = callSite(TokenBucket);
    const number = (name) => (typeof options?.[name] === "number" ? [] : [[name, "expected a number"]]);
    const problems = [...number("capacity"), ...number("refillRate")];
    if (problems.length) throw configError(problems, site);
    try {
      this.#core = new Bucket(options.capacity, options.refillRate);
    } catch (thrown) {
      throw optionErrorOf(thrown, site, (path) => path.replace("rate_limit_", ""));
    }
  }

  get tokens() {
    return this.#core.tokens;
  }

  get capacity() {
    return this.#core.capacity;
  }

  get refillRate() {
    return this.#core.rate;
  }

  get waiters() {
    return this.#core.waiters;
  }

  async acquire(amount = 1, options) {
    const site = callSite(this.acquire);
    const { timeout = undefined, priority, signal } = options ?? {};
    const problems = [...problemOfSignal(signal), ...problemOfPriority(priority)];
    const problem = timeout == null ? undefined : typeof timeout === "number" ? checked(timeout) : "expected a number of seconds";
    if (problem) problems.push(["timeout", problem]);
    if (problems.length) throw configError(problems, site);
    await runUntil(this.#core.acquire(whole(amount, site), priority ?? 0, timeout ?? undefined), signal, site);
  }

  tryAcquire(amount = 1) {
    return this.#core.take(whole(amount, callSite(this.tryAcquire)));
  }

  reset() {
    this.#core.reset();
  }
}

function whole(amount, site) {
  if (Number.isInteger(amount) && amount > 0 && amount < 2 ** 32) return amount;
  throw configError([["amount", `expected a whole number above 0, found ${amount}`]], site);
}
