// A shared state in a Durable Object: one object for each place, which keeps the rules in memory.

import * as workers from "cloudflare:workers";
import { Rules } from "../shared/rules.js";

const SAVED_AS = "rules";
const SAVED_WITHIN = 1000; // milliseconds
const LOOKS_AGAIN = 3_600_000;

/** The Durable Object, for a worker to export and to bind as a namespace. */
export class LockkeeperState {
  #storage;
  #rules;
  #timer;

  constructor(context) {
    this.#storage = context.storage;
    context.blockConcurrencyWhile(async () => {
      this.#rules = new Rules(await this.#storage.get(SAVED_AS));
    });
  }

  async fetch(request) {
    const wish = await request.json();
    const answer = this.#answer(wish);
    // What a provider says of a key must outlive this object; of levels a second may be lost, if it dies.
    if (wish.rest !== undefined) await this.#save();
    else this.#timer ??= setTimeout(() => this.#save(), SAVED_WITHIN);
    return Response.json(answer);
  }

  /** Now and then it looks whether anything is left to be kept. */
  async alarm() {
    this.#answer({ op: "leave" });
    await this.#save();
  }

  #answer(wish) {
    return this.#rules.answer(wish, Date.now() * 1000);
  }

  async #save() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const saved = this.#rules.saved();
    if (saved.buckets.length + saved.keys.length === 0) return this.#storage.deleteAll();
    await this.#storage.put(SAVED_AS, saved);
    if ((await this.#storage.getAlarm()) === null) await this.#storage.setAlarm(Date.now() + LOOKS_AGAIN);
  }
}

/** The state in the objects of a namespace. */
export function durableObjectState(namespace) {
  async function answer(place, request) {
    const object = namespace.get(namespace.idFromName(place));
    const response = await object.fetch("https://lockkeeper.invalid/", { method: "POST", body: request });
    if (!response.ok) throw new Error(`the Durable Object answered with HTTP status ${response.status}`);
    return response.text();
  }
  return { call: (place, request) => untilDone(answer(place, request)) };
}

/** What is given back at the end of a call must get through, though the request that made the call may be answered by then. */
function untilDone(promise) {
  try {
    workers.waitUntil?.(promise.catch(() => {}));
  } catch {
    // There is no request that would end.
  }
  return promise;
}
