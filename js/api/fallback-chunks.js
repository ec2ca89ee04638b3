// A streamed call's way from target to target.

import { isRestart, parse, VISIBLE } from "./facts.js";
import { ChatStream, readingOf } from "./stream.js";
import { within } from "./walk.js";

/** A stream that breaks again and again is begun anew no more often. */
const MOST_RESTARTS = 3;

/** The chunks of whichever target answers. */
export class FallbackChunks {
  answered = false;
  #setOut;
  #walk;
  #messages;
  #restarts;
  #restarted = 0;
  #current;
  #shown;
  /** Why the answer that was shown has ended before its end. */
  #interrupted;
  #over = new AbortController();

  constructor(setOut, messages, restarts) {
    [this.#setOut, this.#messages, this.#restarts] = [setOut, messages, restarts];
  }

  /** Who has answered, or answers: a fallback behind this one may go on itself. */
  get answeredBy() {
    return this.#shown?.items.answeredBy ?? this.#shown?.leg.target.answeredBy;
  }

  next() {
    let cancel;
    const cancelled = new Promise((_, reject) => (cancel = reject));
    return { promise: Promise.race([this.#next(), cancelled]), start() {}, cancel };
  }

  async #next() {
    this.#walk ??= this.#setOut();
    while (!this.#isOver) {
      const current = (this.#current ??= { leg: this.#walk.nextLeg(), items: undefined, held: [], visible: false });
      const { leg, held, visible } = current;
      try {
        current.items ??= itemsOf(leg.target.llm.chatStream(this.#messages, leg.options));
        const item = await within(this.#walk.limitOfChunk(leg, visible), current.items.next(), this.#over.signal);
        if (this.#isOver) break;
        if (item) held.push(item);
        else this.#ends(leg);
        if (!item || visible || isVisible(item)) {
          const shown = this.#show(current);
          if (shown.length) return shown;
        }
      } catch (error) {
        if (!this.#isOver) await this.#moveOn(current, error);
      }
    }
    return undefined;
  }

  get #isOver() {
    return this.#over.signal.aborted;
  }

  #ends(leg) {
    leg.gate?.ended();
    this.#over.abort();
  }

  /** Hands out what was held back: from here on this target's answer is what is shown. */
  #show(current) {
    const shown = current.held.splice(0);
    if (current.visible) return shown;
    current.visible = true;
    current.leg.gate?.answered();
    this.answered = true;
    this.#shown = current;
    if (this.#interrupted) shown.unshift(restartOf(current.leg.target.name, this.#interrupted, shown[0]?.json));
    this.#interrupted = undefined;
    return shown;
  }

  /** Leaves a target that has failed. Throws the call's error. */
  async #moveOn(current, error) {
    const { leg, visible } = current;
    this.#current = undefined;
    try {
      this.#walk.failed(leg, error);
    } finally {
      leave(current);
    }
    if (!visible) return;
    this.#restarted += 1;
    const mayRestart = this.#restarts && this.#restarted <= MOST_RESTARTS;
    const goesOn = mayRestart && (!this.#walk.isOver || (await this.#walk.again(leg, this.#restarted - 1)));
    if (!goesOn) throw this.#walk.told(error);
    this.#interrupted = error;
  }

  end() {
    this.#over.abort();
    const current = this.#current;
    this.#current = undefined;
    if (current) leave(current);
  }

  /** Nobody is there any more to be told. */
  forget() {
    this.#current?.items?.forget();
  }
}

function leave({ leg, items }) {
  leg.gate?.leave();
  items?.leave();
  leg.close();
}

/** What a target's stream yields, as `{ json, text }`. */
function itemsOf(stream) {
  if (!(stream instanceof ChatStream)) return ownItems(stream);
  const reading = readingOf(stream);
  reading.claim();
  return {
    stream, // else it might be forgotten while it is read
    next: () => reading.next(),
    leave: () => reading.end("cancelled"),
    forget: () => reading.forget(),
    get answeredBy() {
      return reading.answeredBy;
    },
  };
}

function ownItems(chunks) {
  const iterator = (chunks[Symbol.asyncIterator] ?? chunks[Symbol.iterator]).call(chunks);
  return {
    async next() {
      const { value, done } = await iterator.next();
      if (done) return undefined;
      const text = JSON.stringify(value);
      return { json: value, text, facts: parse(text).facts };
    },
    async leave() {
      try {
        await iterator.return?.();
      } catch {
        // Whoever left does not want to know.
      }
    },
    forget() {},
  };
}

const isVisible = ({ json, facts }) => (facts & VISIBLE) !== 0 || isRestart(json);

/** The chunk with which the answer begins anew. */
function restartOf(target, { message }, { id = "", created = 0, model = "" } = {}) {
  const json = { id, object: "chat.completion.chunk", created, model, choices: [], restart: { target, reason: message } };
  return { json, text: JSON.stringify(json) };
}
