// A streamed call's way from target to target.

import { isRestart } from "./assemble.js";
import { parse } from "./facts.js";
import { readingOf, ChatStream } from "./stream.js";
import { within } from "./walk.js";

/** A stream that breaks again and again is begun anew no more often. */
const MOST_RESTARTS = 3;

/** The chunks of whichever target answers. */
export class FallbackChunks {
  answered = false;
  answeredBy = undefined;
  #setOut;
  #walk;
  #messages;
  #restarts;
  #restarted = 0;
  #current;
  /** Why the answer that was shown has ended before its end. */
  #interrupted;
  #over = false;

  constructor(setOut, messages, restarts) {
    [this.#setOut, this.#messages, this.#restarts] = [setOut, messages, restarts];
  }

  next() {
    let cancel;
    const cancelled = new Promise((_, reject) => (cancel = reject));
    return { promise: Promise.race([this.#next(), cancelled]), start() {}, cancel };
  }

  async #next() {
    this.#walk ??= this.#setOut();
    while (!this.#over) {
      this.#current ??= this.#begin(this.#walk.nextLeg());
      const current = this.#current;
      try {
        const { leg, items, held, visible } = current;
        const limit = visible && leg.limit !== undefined ? this.#walk.left : leg.limit;
        const item = await within(limit, items.next());
        if (item) held.push(item);
        else this.#ends(leg);
        if (!item || visible || isVisible(item)) {
          const shown = this.#show(current);
          if (shown.length) return shown;
        }
      } catch (error) {
        if (!this.#over) this.#moveOn(current, error);
      }
    }
    return undefined;
  }

  #begin(leg) {
    return { leg, items: itemsOf(leg.target.llm.chatStream(this.#messages, leg.options)), held: [], visible: false };
  }

  #ends(leg) {
    this.#over = true;
    leg.gate?.ended();
  }

  /** Hands out what was held back: from here on this target's answer is what is shown. */
  #show(current) {
    const { leg, items, held } = current;
    const shown = held.splice(0);
    if (current.visible) return shown;
    current.visible = true;
    leg.gate?.answered();
    this.answeredBy = items.answeredBy ?? leg.target.answeredBy;
    this.answered = true;
    if (this.#interrupted) shown.unshift(restartOf(leg.target.name, this.#interrupted, shown[0]?.json));
    this.#interrupted = undefined;
    return shown;
  }

  /** Leaves a target that has failed. Throws the call's error. */
  #moveOn(current, error) {
    const { leg, visible } = current;
    this.#current = undefined;
    try {
      current.items.leave();
      this.#walk.failed(leg, error);
    } finally {
      leg.gate?.free();
    }
    if (!visible) return;
    if (!this.#restarts || ++this.#restarted > MOST_RESTARTS) throw Object.assign(error, { attempts: this.#walk.attempts });
    if (this.#walk.isOver) this.#walk.again(leg);
    this.#interrupted = error;
  }

  end() {
    this.#over = true;
    this.#current?.items.leave();
    this.#current?.leg.gate?.leave();
    this.#current?.leg.gate?.free();
    this.#current = undefined;
  }
}

/** What a target's stream yields, as `{ json, text }`. */
function itemsOf(stream) {
  if (stream instanceof ChatStream) {
    const reading = readingOf(stream);
    reading.claim();
    return {
      stream, // else it might be forgotten while it is read
      next: () => reading.next(),
      leave: () => reading.end("cancelled"),
      get answeredBy() {
        return reading.answeredBy;
      },
    };
  }
  const iterator = (stream[Symbol.asyncIterator] ?? stream[Symbol.iterator]).call(stream);
  return {
    async next() {
      const { value, done } = await iterator.next();
      return done ? undefined : { json: value, text: JSON.stringify(value) };
    },
    leave() {
      Promise.resolve(iterator.return?.()).catch(() => {}); // whoever left does not want to know
    },
  };
}

const VISIBLE = 2;

const isVisible = ({ json, text, facts }) => ((facts ?? parse(text).facts) & VISIBLE) !== 0 || isRestart(json);

/** The chunk with which the answer begins anew. */
function restartOf(target, { message }, { id = "", created = 0, model = "" } = {}) {
  const json = { id, object: "chat.completion.chunk", created, model, choices: [], restart: { target, reason: message } };
  return { json, text: JSON.stringify(json) };
}
