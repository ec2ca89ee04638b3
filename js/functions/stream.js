// What is read of a call while it goes on, by one reader; and what all come to in the end.

import { misuse } from "./errors.js";

const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** Items as they arrive, and the result behind them. Nothing is asked before it is read. */
export class Arriving {
  #begin;
  #taken;
  #claimed = false;
  #items;
  #end;
  #result;
  #settle = {};
  #aborted;
  #isOver = false;

  /**
   * `begin` gives `{ items, end }`: an iterator whose last step holds the result, and what ends the call for a reason.
   * `taken` makes an item what is read.
   */
  constructor(begin, taken) {
    [this.#begin, this.#taken] = [begin, taken];
    this.#result = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#result.catch(() => {}); // whoever reads is told, too
  }

  /** What the call comes to; reads to the end if nobody else begins to. */
  async result() {
    await undefined; // whoever has asked may read next
    if (!this.#claimed) for await (const _ of this);
    return this.#result;
  }

  [Symbol.asyncIterator]() {
    if (this.#claimed) throw misuse([{ path: "stream", message: "is read already: a stream has one reader" }]);
    this.#claimed = true;
    const { items, end } = this.#begin();
    [this.#items, this.#end] = [items, end];
    return { next: () => this.#next(), return: (value) => this.#leave(value), [Symbol.asyncIterator]() { return this; } };
  }

  async #next() {
    if (this.#aborted) throw this.#aborted.reason;
    try {
      const { value, done } = await this.#items.next();
      if (!done) return { value: this.#taken(value), done };
      this.#settles("resolve", value);
      return { value: undefined, done };
    } catch (error) {
      this.#settles("reject", error);
      throw error;
    }
  }

  async #leave(value) {
    this.abort(new DOMException("The stream was left before its end.", "AbortError"));
    return { value, done: true };
  }

  /** Ends the request; whoever reads or waits is told the reason. */
  abort(reason = new DOMException("The call was aborted.", "AbortError")) {
    if (this.#isOver) return;
    this.#settles("reject", reason);
    this.#aborted = { reason };
    this.#end?.(reason);
    this.#items?.return().catch(() => {}); // whoever has left does not want to know
  }

  #settles(how, value) {
    this.#isOver = true;
    this.#settle[how](value);
  }

  [dispose]() {
    this.abort();
  }

  async [asyncDispose]() {
    this.abort();
  }
}
