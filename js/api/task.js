// Futures of the engine, polled where they were begun; see ../src/task.rs.

import { errorOf } from "./errors.js";
import { live } from "./life.js";

/**
 * Runs a task to its end: `{ promise, cancel }`. To cancel it frees all that it holds, and rejects the promise
 * with the reason. What the engine throws is still a list. If the request that it was begun for dies, it is freed
 * without a word: nobody is there to be told.
 */
export function run(task) {
  let cancel;
  const promise = new Promise((resolve, reject) => {
    let [over, polling] = [false, false];
    const stop = live(() => {
      over = true;
      task.cancel();
      task.free();
    });
    const end = (settle, value) => {
      over = true;
      stop();
      settle(value);
      if (!polling) task.free();
    };
    const step = () => {
      if (over) return;
      // The promise is made here, so that its continuation runs here, whoever resolves it.
      let wake;
      const woken = new Promise((resolve) => (wake = resolve));
      polling = true;
      let done, failed;
      try {
        done = task.poll(wake);
      } catch (thrown) {
        failed = [thrown];
      }
      polling = false;
      if (over) task.free(); // cancelled by a listener meanwhile
      else if (failed) end(reject, failed[0]);
      else if (done) end(resolve, done[0]);
      else woken.then(step);
    };
    cancel = (reason) => {
      if (over) return;
      task.cancel();
      end(reject, reason);
    };
    step();
  });
  return { promise, cancel };
}

/** Runs a task to its end, or until the signal says otherwise. */
export async function runUntil(task, signal, site) {
  if (signal?.aborted) {
    task.free();
    throw signal.reason;
  }
  const { promise, cancel } = run(task);
  const abort = () => cancel(signal.reason);
  signal?.addEventListener("abort", abort);
  try {
    return await promise;
  } catch (thrown) {
    throw errorOf(thrown, site);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
