// The answer as it arrives.

import { Assembler } from "./assemble.js";
import { configError, errorOf } from "./errors.js";
import { live } from "./life.js";
import { run } from "./task.js";
import { reasoningOf, textOf } from "./text.js";
import { estimated, reported } from "./usage.js";

const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** A stream that nobody holds any more ends its request, where the host tells of such. */
const forgotten = globalThis.FinalizationRegistry && new FinalizationRegistry((reading) => reading.end("cancelled"));

export class ChatStream {
  #reading;

  constructor(reading) {
    if (!(reading instanceof Reading)) throw new TypeError("streams come from chatStream(), or ChatStream.from()");
    this.#reading = reading;
    forgotten?.register(this, reading);
  }

  static from(chunks, messages = []) {
    return new ChatStream(new Reading(new OwnChunks(chunks), messages));
  }

  [Symbol.asyncIterator]() {
    return iterate(this, this.#reading, (item) => item.json);
  }

  get textStream() {
    return iterate(this, this.#reading, textOfChunk);
  }

  async text() {
    await this.#reading.toEnd();
    return this.#reading.assembler.text;
  }

  async result() {
    await this.#reading.toEnd();
    return this.#reading.assembler.finish(this.#reading.usage());
  }

  async usage() {
    if (this.#reading.state === "open") await this.#reading.toEnd();
    return this.#reading.usage();
  }

  get partial() {
    return this.#reading.partial;
  }

  get state() {
    return this.#reading.state;
  }

  get keyLabel() {
    return this.#reading.keyLabel;
  }

  toReadableStream() {
    const reading = this.#reading;
    const encoder = new TextEncoder();
    // Held by what reads, so that it is not forgotten.
    const held = this;
    return new ReadableStream({
      async pull(controller) {
        const send = (text) => controller.enqueue(encoder.encode(`data: ${text.replace(/\r\n?|\n/g, "\ndata: ")}\n\n`));
        try {
          held.#claim();
          const item = await reading.next();
          send(item ? item.text : "[DONE]");
          if (!item) controller.close();
        } catch (error) {
          const { message, kind = "cancelled", code = kind } = error ?? {};
          send(JSON.stringify({ error: { message: message ?? String(error), type: kind, code } }));
          controller.close();
        }
      },
      cancel: (reason) => reading.abort(reason),
    });
  }

  toResponse(init = {}) {
    const headers = new Headers(init.headers);
    const defaults = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" };
    for (const [name, value] of Object.entries(defaults)) if (!headers.has(name)) headers.set(name, value);
    return new Response(this.toReadableStream(), { ...init, headers });
  }

  abort(reason = new DOMException("The stream was aborted.", "AbortError")) {
    this.#reading.abort(reason);
  }

  [dispose]() {
    this.abort();
  }

  async [asyncDispose]() {
    this.abort();
  }

  #claimed = false;

  /** The bytes have one reader: this stream itself, from its first pull. */
  #claim() {
    if (!this.#claimed) this.#reading.claim();
    this.#claimed = true;
  }
}

function textOfChunk({ json }) {
  const choice = json.choices?.find((choice) => (choice.index ?? 0) === 0);
  return textOf(choice?.delta?.content);
}

/** What `for await` reads: each item, as `of` sees it; what is empty is passed over. Leaving it ends the request. */
function iterate(stream, reading, of) {
  let claimed = false;
  const next = async () => {
    if (!claimed) reading.claim();
    claimed = true;
    for (;;) {
      const item = await reading.next();
      const value = item && of(item);
      if (!item || value !== "") return { value, done: !item };
    }
  };
  return {
    stream, // else it might be forgotten while it is read
    next,
    async return(value) {
      reading.end("cancelled");
      return { value, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A stream's reading: all that must be let go of at its end. It knows nothing of the ChatStream, which may be forgotten. */
export class Reading {
  assembler = new Assembler();
  state = "open";
  #source;
  #messages;
  #signal;
  #items = [];
  #at = 0;
  #claimed = false;
  #turn;
  #cancel;
  #failure;
  #stop = () => {};
  #over = [];
  #onAbort = () => this.abort(this.#signal.reason);

  constructor(source, messages, signal) {
    this.#source = source;
    this.#messages = Array.isArray(messages) ? [...messages] : [];
    this.#signal = signal ?? undefined;
  }

  /** Whoever reads says so first: there is one reader. */
  claim() {
    if (this.#claimed) throw configError([["stream", "is read already: a stream has one reader"]]);
    this.#claimed = true;
    if (this.state !== "open") return;
    this.#stop = live(() => {
      [this.#cancel, this.#over] = [undefined, []]; // nobody is there to be told
      this.end("cancelled");
    });
    if (this.#signal?.aborted) this.#onAbort();
    else this.#signal?.addEventListener("abort", this.#onAbort);
  }

  /** The next item, or `undefined` at the end. Those who ask at once are served in turn. */
  next() {
    const turn = this.#turn ? this.#turn.then(() => this.#step(), () => this.#step()) : this.#step();
    this.#turn = turn;
    const done = () => this.#turn === turn && (this.#turn = undefined);
    turn.then(done, done);
    return turn;
  }

  async #step() {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      if (this.#at < this.#items.length) {
        const item = this.#items[this.#at++];
        this.assembler.push(item.json);
        return item;
      }
      if (this.state !== "open") return undefined;
      await this.#fill();
    }
  }

  async #fill() {
    const { promise, cancel } = this.#source.next();
    this.#cancel = cancel;
    try {
      const items = await promise;
      if (items) [this.#items, this.#at] = [items, 0];
      else this.end("finished");
    } catch (thrown) {
      if (this.state !== "open") return; // aborted meanwhile
      const answered = this.#source.answered;
      const error = errorOf(thrown, this.#source.site, answered ? { partial: this.partial, usage: this.usage() } : {});
      this.#failure = { error };
      this.end(error?.kind === "truncated" ? "truncated" : "failed");
    } finally {
      this.#cancel = undefined;
    }
  }

  abort(reason) {
    if (this.state !== "open") return;
    this.#failure = { error: reason };
    this.end("cancelled", reason);
  }

  /** Ends in this state, if it has not ended: counts the cost, then lets go of everything. */
  end(state, reason) {
    if (this.state !== "open") return;
    this.state = state;
    this.#stop();
    // What has come and was not read has cost as much.
    for (const { json } of this.#items.slice(this.#at)) this.assembler.push(json);
    this.#at = this.#items.length;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const { prompt_tokens, completion_tokens } = this.#source.answered ? this.usage() : { prompt_tokens: 0, completion_tokens: 0 };
    this.#cancel?.(reason);
    this.#source.end(state, prompt_tokens, completion_tokens);
    this.#over.forEach((told) => told());
  }

  /** Reads to the end, or waits until whoever reads has got there. */
  async toEnd() {
    if (!this.#claimed) {
      this.claim();
      while (await this.next());
    } else if (this.state === "open") {
      await new Promise((told) => this.#over.push(told));
    }
    if (this.#failure) throw this.#failure.error;
    if (this.state === "cancelled") throw new DOMException("The stream was left before its end.", "AbortError");
  }

  usage() {
    const { usage } = this.assembler;
    return usage ? reported(usage) : estimated(this.#messages, this.assembler.messages);
  }

  get partial() {
    return { text: this.assembler.text, reasoning: this.assembler.reasoning };
  }

  get keyLabel() {
    return this.#source.keyLabel;
  }
}

/** The chunks that the engine reads, some at a time. */
export class EngineChunks {
  #core;
  #key;

  constructor(core, site) {
    this.#core = core;
    this.site = site;
  }

  next() {
    return run(this.#core.next());
  }

  get answered() {
    return this.#core?.answered ?? this.#key !== undefined;
  }

  get keyLabel() {
    return this.#core ? this.#core.key : this.#key;
  }

  end(state, inputTokens, outputTokens) {
    const core = this.#core;
    this.#key = core.key;
    this.#core = undefined;
    core.end(state, inputTokens, outputTokens);
    core.free();
  }
}

/** Chunks of somebody's own. */
class OwnChunks {
  answered = true;
  keyLabel = undefined;
  #iterator;

  constructor(chunks) {
    this.#iterator = (chunks[Symbol.asyncIterator] ?? chunks[Symbol.iterator]).call(chunks);
  }

  next() {
    let cancel;
    const cancelled = new Promise((_, reject) => (cancel = reject));
    const item = (json) => [{ json, text: JSON.stringify(json) }];
    const next = Promise.resolve(this.#iterator.next()).then(({ value, done }) => (done ? undefined : item(value)));
    return { promise: Promise.race([next, cancelled]), cancel };
  }

  end(state) {
    if (state === "cancelled") Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

/** A stream that could not be asked for: whoever reads it is told why. */
export class Unasked {
  answered = false;
  keyLabel = undefined;

  constructor(error) {
    this.error = error;
  }

  next() {
    return { promise: Promise.reject(this.error), cancel() {} };
  }

  end() {}
}
