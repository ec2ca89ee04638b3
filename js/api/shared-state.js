// A state that processes share, for ../src/shared_state.rs, which asks until it is settled.

import { Sharing } from "lockkeeper-core";
import { wordsOf } from "./causes.js";
import { polled, Run } from "./task.js";

const POLICIES = ["local-share", "error"];

export class Asked {
  text = "";
  #settled;
  #wake;

  constructor(state, place, request) {
    this.#ask(state, place, request);
  }

  async #ask(state, place, request) {
    try {
      this.text = String(await state.call(place, request));
      this.#settled = true;
    } catch (error) {
      this.text = wordsOf(error);
      this.#settled = false;
    }
    this.#wake?.();
  }

  settled() {
    if (this.#settled === undefined) this.#wake = polled.wake;
    return this.#settled;
  }
}

/** Runs a task of which nobody waits for the end. */
export function background(task) {
  const run = new Run(task);
  run.promise.catch(() => {});
  run.start();
}

/** What the engine is given for the option `sharedState`. */
export function sharingOf(state, problems) {
  if (state === undefined) return undefined;
  const { onFailure = POLICIES[0], timeout = 1, leaseTtl = 30 } = state ?? {};
  if (typeof state?.call !== "function") problems.push(["sharedState", "expected an object with a function `call`"]);
  if (!POLICIES.includes(onFailure)) problems.push(["sharedState.onFailure", `expected one of ${POLICIES.join(", ")}`]);
  for (const [name, value] of Object.entries({ timeout, leaseTtl })) {
    if (typeof value !== "number" || !(value > 0 && value <= 10_000)) problems.push([`sharedState.${name}`, "expected a number of seconds above 0, at most 10000"]);
  }
  return problems.length ? undefined : new Sharing(state, onFailure === "error", timeout, leaseTtl);
}
