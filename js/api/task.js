// Futures of the engine, polled where they were begun; see ../src/task.rs.

import { errorOf } from "./errors.js";
import { live } from "./life.js";
import { onAbort } from "./signals.js";

/** Whom those call that a task waits for, if it is being polled. */
export const polled = { wake: undefined };

/** What the engine has thrown: a list. Reasons of aborts may be lists, too. */
class Thrown {
  constructor(list) {
    this.list = list;
  }
}

/** The error that a task was rejected with. */
export const errorOfTask = (reason, site, more) => (reason instanceof Thrown ? errorOf(reason.list, site, more) : reason);

/**
 * Runs a task to its end, from `start()` on: `{ promise, start, cancel }`. To cancel it frees all that it holds, and
 * rejects the promise with the reason; what the engine throws is for `errorOfTask`. If the request that it was begun
 * for dies, it is freed without a word: nobody is there to be told.
 */
export function run(task) {
  let [over, polling] = [false, false];
  let resolve, reject;
  const promise = new Promise((...settle) => ([resolve, reject] = settle));
  const stop = live(() => {
    over = true;
    task.cancel();
    free(task);
  });
  const end = (settle, value) => {
    over = true;
    stop();
    settle(value);
    if (!polling) free(task);
  };
  const step = () => {
    if (over) return;
    // The promise is made here, so that its continuation runs here, whoever resolves it.
    let wake;
    const woken = new Promise((resolve) => (wake = resolve));
    const outer = polled.wake; // of a task that a listener has begun this one in
    [polling, polled.wake] = [true, wake];
    let done, failed;
    try {
      done = task.poll(wake);
    } catch (thrown) {
      failed = Array.isArray(thrown) ? new Thrown(thrown) : thrown;
    }
    [polling, polled.wake] = [false, outer];
    if (over) {
      // Cancelled by a listener meanwhile: what has come is nobody's.
      done?.[0]?.forEach?.((part) => part?.free?.());
      free(task);
    } else if (failed) end(reject, failed);
    else if (done) end(resolve, done[0]);
    else woken.then(step);
  };
  const cancel = (reason) => {
    if (over) return;
    task.cancel();
    end(reject, reason);
  };
  // Apart from the start, since the first step may run listeners of the user's, which may cancel.
  return { promise, start: step, cancel };
}

/** Runs a task to its end, or until the signal says otherwise. */
export async function runUntil(task, signal, site) {
  const { promise, start, cancel } = run(task);
  const stop = onAbort(signal, () => cancel(signal.reason));
  if (signal?.aborted) cancel(signal.reason);
  start();
  try {
    return await promise;
  } catch (reason) {
    throw errorOfTask(reason, site);
  } finally {
    stop();
  }
}

/** An exception of the host may have passed through the engine: then it can't be freed, and what matters has been told. */
function free(task) {
  try {
    task.free();
  } catch {
    // see above
  }
}
