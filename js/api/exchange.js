// One request and its response, for ../src/exchange.rs, which asks until nothing is pending. It is woken by what polls
// its task, see task.js, so that no function has to be made for the engine to be called by.
//
// What a `fetch` of somebody's own gives back is whatever it likes: nothing that it throws goes through the engine.

import { remember, wordsOf } from "./causes.js";
import { polled } from "./task.js";

const PENDING = -1;
const END = -2;
const BROKEN = -3;
const UNFIT = -4;

/** A browser hides a redirect that it was told not to follow behind status 0. */
const HIDDEN_REDIRECT = 302;

export class Exchange {
  headers = "";
  error = "";
  #controller = new AbortController();
  #status = PENDING;
  #reader;
  #reading = false;
  #next = PENDING;
  #piece;
  #ended = false;
  #wake;

  constructor(fetch, method, url, headers, body) {
    const init = {
      method,
      headers: pairsOf(headers),
      body: body.length ? body.slice() : undefined, // it is the engine's memory
      redirect: "manual", // a key must not leave its provider's origin
      signal: this.#controller.signal,
    };
    this.#send(fetch ?? globalThis.fetch, url, init).catch(() => this.#failed(BROKEN, wordsOf()));
  }

  async #send(fetch, url, init) {
    if (typeof fetch !== "function") return this.#failed(UNFIT, "this host has no `fetch`");
    let response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      remember(error);
      return this.#failed(BROKEN, wordsOf(error));
    }
    try {
      this.#answered(response);
    } catch (error) {
      return this.#failed(UNFIT, `\`fetch\` gave no usable response: ${wordsOf(error)}`);
    }
    this.#wakes();
  }

  #answered({ status, headers, body }) {
    if (typeof status !== "number") throw new TypeError("it has no `status`");
    this.headers = linesOf(headers);
    // A response without a body, such as to a 204, has none to read.
    this.#reader = body?.getReader();
    this.#status = status || HIDDEN_REDIRECT;
  }

  #failed(status, error) {
    [this.#status, this.#next, this.error] = [status, BROKEN, error];
    this.#wakes();
  }

  #wakes() {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  status() {
    if (this.#status === PENDING) this.#wake = polled.wake;
    return this.#status;
  }

  next() {
    if (!this.#reader) return (this.#ended = true) && END;
    if (this.#piece) return this.#piece.length;
    if (this.#next !== PENDING) return this.#next;
    this.#wake = polled.wake;
    if (!this.#reading) this.#read();
    return PENDING;
  }

  async #read() {
    this.#reading = true;
    try {
      const { value, done } = await this.#reader.read();
      if (done) [this.#ended, this.#next] = [true, END];
      else this.#piece = bytesOf(value);
    } catch (error) {
      [this.#next, this.error] = [BROKEN, wordsOf(error)];
    }
    this.#reading = false;
    this.#wakes();
  }

  copy(into) {
    into.set(this.#piece);
    this.#piece = undefined;
  }

  end() {
    this.#wake = undefined;
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#controller.abort();
    } catch {
      // An isolate throws where a request that is gone is ended from another's turn; what is being dropped with
      // this one must be dropped even so.
    }
  }
}

function pairsOf(lines) {
  const texts = lines.split("\n");
  const pairs = [];
  for (let at = 0; at + 1 < texts.length; at += 2) pairs.push([texts[at], texts[at + 1]]);
  return pairs;
}

/** The headers that the host lets a script see; also those of a plain object. */
function linesOf(headers) {
  const pairs = typeof headers?.entries === "function" ? headers.entries() : Object.entries(headers ?? {});
  const texts = [];
  for (const [name, value] of pairs) {
    if (typeof name === "string" && typeof value === "string" && !value.includes("\n")) texts.push(name.toLowerCase(), value);
  }
  return texts.join("\n");
}

function bytesOf(piece) {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === "string") return new TextEncoder().encode(piece); // as people's own do
  throw new TypeError("the body holds a piece that is no Uint8Array");
}
