// A client's events: the engine's lists as objects, for listeners and the log.

import { attemptOf, callSite, configError, fields } from "./errors.js";
import { isLogging, log, logs } from "./log.js";

const PARTS = {
  __proto__: null,
  wait: ["for", "seconds"],
  attempt: ["keyLabel", "model"],
  headers: ["keyLabel", "status", "seconds"],
  firstToken: ["keyLabel", "seconds"],
  failure: [],
  end: ["outcome", "keyLabel"],
};

export class Events {
  #core;
  #listeners = new Map();

  constructor(core) {
    this.#core = core;
    logs(this);
    this.listen();
  }

  on(name, listener) {
    const problems = name in PARTS ? [] : [["event", `expected one of ${Object.keys(PARTS).join(", ")}`]];
    if (typeof listener !== "function") problems.push(["listener", "expected a function"]);
    if (problems.length) throw configError(problems, callSite(this.on));
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    this.listen();
    return () => this.off(name, listener);
  }

  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
    this.listen();
  }

  /** The engine tells only while somebody listens: to cross the border costs. */
  listen() {
    const wanted = isLogging() || [...this.#listeners.values()].some((listeners) => listeners.size > 0);
    this.#core.listen(wanted ? (name, parts) => this.#tell(name, parts) : undefined);
  }

  #tell(name, [call, ...parts]) {
    const event = name === "failure" ? { ...attemptOf(parts[0]), ...fields(["retryAfter"], [parts[1]]) } : fields(PARTS[name], parts);
    event.call = call;
    if (isLogging()) log(name, event);
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(event);
      } catch (error) {
        // A listener's mistake is not the call's: it is reported as one that nobody caught.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
