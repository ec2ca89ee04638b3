// Futures of the engine, polled where they were begun; see ../src/task.rs.

import { errorOf } from "./errors.js";
import { live } from "./life.js";
import { onAbort } from "./signals.js";

/** Whom those call that a task waits for, if it is being polled. */
export const polled = { wake: undefined };

/** The same for the engine, by their numbers. */
const wakes = new Map();
const MOST_NUMBERS = 2 ** 32;
let runs = 0;

/** Wakes one of them, if it is not over. */
export const wake = (number) => wakes.get(number)?.();

/** What the engine has thrown: a list. Reasons of aborts may be lists, too. */
class Thrown {
  constructor(list) {
    this.list = list;
  }
}

/** The error that a task was rejected with. */
export const errorOfTask = (reason, site, more) => (reason instanceof Thrown ? errorOf(reason.list, site, more) : reason);

/**
 * Runs a task to its end, from `start()` on, and frees it: `promise` is of its result. To cancel it gives back all that it
 * holds, and rejects the promise with the reason; what the engine throws is for `errorOfTask`. If the request that it was
 * begun for dies, it is ended without a word: nobody is there to be told.
 */
export class Run {
  #resolve;
  #reject;
  promise = new Promise((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject]));
  #task;
  #isStream;
  #over = false;
  #polling = false;
  #number = (runs = (runs + 1) % MOST_NUMBERS);
  #stop;

  /** Of a stream, it runs to what comes next, and does not free it. */
  constructor(task, isStream = false) {
    [this.#task, this.#isStream] = [task, isStream];
    this.#stop = live(() => {
      this.#over = true;
      wakes.delete(this.#number);
      task.cancel();
      this.#free();
    });
  }

  /** Apart from the making, since the first step may run listeners of the user's, which may cancel. */
  start() {
    if (this.#over) return;
    // The promise is made here, so that its continuation runs here, whoever resolves it.
    let wake;
    const woken = new Promise((resolve) => (wake = resolve));
    const outer = polled.wake; // of a task that a listener has begun this one in
    [this.#polling, polled.wake] = [true, wake];
    wakes.set(this.#number, wake);
    let done, failed;
    try {
      done = this.#task.poll(this.#number);
    } catch (thrown) {
      failed = Array.isArray(thrown) ? new Thrown(thrown) : thrown;
    }
    [this.#polling, polled.wake] = [false, outer];
    if (this.#over) {
      // Cancelled by a listener meanwhile: what has come is nobody's.
      done?.[0]?.forEach?.((part) => part?.free?.());
      this.#free();
    } else if (failed) this.#end(this.#reject, failed);
    else if (done) this.#end(this.#resolve, done[0]);
    else woken.then(() => this.start());
  }

  cancel(reason) {
    if (this.#over) return;
    this.#task.cancel();
    this.#end(this.#reject, reason);
  }

  #end(settle, value) {
    this.#over = true;
    wakes.delete(this.#number);
    this.#stop();
    settle(value);
    if (!this.#polling) this.#free();
  }

  /** An exception of the host may have passed through the engine: then it can't be freed, and what matters has been told. */
  #free() {
    try {
      if (!this.#isStream) this.#task.free();
    } catch {
      // see above
    }
  }
}

/** Runs a task to its end, or until the signal says otherwise. */
export async function runUntil(task, signal, site) {
  const run = new Run(task);
  const stop = onAbort(signal, () => run.cancel(signal.reason));
  if (signal?.aborted) run.cancel(signal.reason);
  run.start();
  try {
    return await run.promise;
  } catch (reason) {
    throw errorOfTask(reason, site);
  } finally {
    stop();
  }
}
