// The answer as it arrives.

import { Assembler } from "./assemble.js";
import { configError, DecodeError, LLMError, TruncatedError } from "./errors.js";
import { isRestart } from "./facts.js";
import { live } from "./life.js";
import { attributed } from "./route.js";
import { onAbort } from "./signals.js";
import { errorOfTask, Run } from "./task.js";
import { reasoningOf, textOf } from "./text.js";
import { estimated, reported } from "./usage.js";

const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** A stream that nobody holds any more ends its request, where the host tells of such. */
const forgotten = globalThis.FinalizationRegistry && new FinalizationRegistry((reading) => reading.end("cancelled"));

/** What reads a ChatStream, for a fallback to read on its behalf. */
export let readingOf;

export class ChatStream {
  static {
    readingOf = (stream) => stream.#reading;
  }

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
    const answer = this.#reading.assembler.finish(this.#reading.usage());
    return this.answeredBy ? attributed(answer, this.answeredBy) : answer;
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
    return this.answeredBy?.keyLabel;
  }

  get answeredBy() {
    return this.#reading.answeredBy;
  }

  toReadableStream() {
    const reading = this.#reading;
    const encoder = new TextEncoder();
    const held = this; // by what reads, so that it is not forgotten
    let claimed = false;
    const source = {
      async pull(controller) {
        const send = (text) => controller.enqueue(encoder.encode(`data: ${text.replace(/\r\n?|\n/g, "\ndata: ")}\n\n`));
        try {
          if (!claimed) held.#reading.claim();
          claimed = true;
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
    };
    return new ReadableStream(source, { highWaterMark: 0 }); // nothing is asked for before it is read
  }

  toResponse(init) {
    const headers = new Headers(init?.headers);
    const defaults = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" };
    for (const [name, value] of Object.entries(defaults)) if (!headers.has(name)) headers.set(name, value);
    return new Response(this.toReadableStream(), { ...init, headers });
  }

  abort(reason) {
    this.#reading.abort(reason);
  }

  [dispose]() {
    this.abort();
  }

  async [asyncDispose]() {
    this.abort();
  }
}

/** A text can't be taken back. */
function textOfChunk({ json }) {
  if (isRestart(json)) throw new TruncatedError(`the answer has begun anew: ${json.restart.reason}`);
  const choice = json.choices?.find((choice) => (choice.index ?? 0) === 0);
  return textOf(choice?.delta?.content);
}

/** What `for await` reads: each item, as `of` sees it; what is empty is passed over. Leaving it ends the request. */
function iterate(stream, reading, of) {
  let claimed = false;
  const seen = (item) => {
    try {
      return of(item);
    } catch (error) {
      reading.end("cancelled");
      throw error;
    }
  };
  const later = async () => {
    if (!claimed) reading.claim();
    claimed = true;
    for (;;) {
      const item = await reading.next();
      const value = item && seen(item);
      if (!item || value !== "") return { value, done: !item };
    }
  };
  const next = async () => {
    // What has come already is not waited for: most items of a quick stream.
    for (let item; claimed && (item = reading.ready()); ) {
      const value = seen(item);
      if (value !== "") return { value, done: false };
    }
    return later();
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
  #claimed = false;
  #turn;
  #run;
  #failure;
  #stop = () => {};
  #ignore = () => {};
  #over = [];

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
      this.forget();
      this.end("cancelled");
    });
    const abort = () => this.abort(this.#signal.reason);
    this.#ignore = onAbort(this.#signal, abort);
    if (this.#signal?.aborted) abort();
  }

  /** Nobody is there any more to be told. */
  forget() {
    [this.#run, this.#over] = [undefined, []];
    this.#source.forget?.();
  }

  /** The next item, if it has come already and nobody waits for one. */
  ready() {
    if (this.#turn || this.#failure || !this.#items.length) return undefined;
    const item = this.#items.shift(); // so that a stream that waits does not hold what was read
    return this.#takes(item) ? item : undefined;
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
      if (this.#items.length) {
        const item = this.#items.shift();
        if (this.#takes(item)) return item;
        continue;
      }
      if (this.state !== "open") return undefined;
      await this.#fill();
    }
  }

  /** Adds an item to the answer. One of a shape that nobody knows fails the stream: its text would be lost. */
  #takes({ json, like }) {
    try {
      this.assembler.push(json, like);
      return true;
    } catch (cause) {
      this.#fail(new DecodeError(`a chunk can't be understood: ${cause.message}`, { ...this.#soFar(), cause }));
      return false;
    }
  }

  async #fill() {
    try {
      const run = (this.#run = this.#source.next());
      run.start();
      const items = await run.promise;
      if (items) this.#items = items;
      else this.end("finished");
    } catch (thrown) {
      if (this.state !== "open") return; // aborted meanwhile
      const error = errorOfTask(thrown, this.#source.site, this.#soFar());
      if (error instanceof LLMError && !error.partial && Object.isExtensible(error)) Object.assign(error, this.#soFar());
      this.#fail(error);
    } finally {
      this.#run = undefined;
    }
  }

  /** What an error says of an answer that had begun. */
  #soFar() {
    return this.#source.answered ? { partial: this.partial, usage: this.usage() } : {};
  }

  #fail(error) {
    this.#failure = { error };
    this.end(error?.kind === "truncated" ? "truncated" : "failed");
  }

  abort(reason = new DOMException("The stream was aborted.", "AbortError")) {
    if (this.state !== "open") return;
    this.#failure = { error: reason };
    this.end("cancelled", reason);
  }

  /** Ends in this state, if it has not ended: counts the cost, then lets go of everything. */
  end(state, reason) {
    if (this.state !== "open") return;
    this.state = state;
    this.#stop();
    this.#ignore();
    // What has come and was not read has cost as much.
    for (const item of this.#items.splice(0)) this.#takes(item);
    const { prompt_tokens, completion_tokens } = this.usage();
    this.#run?.cancel(reason);
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
    if (usage) return reported(usage);
    // What no key has begun to answer has cost nothing.
    return this.#source.answered ? estimated(this.#messages, this.assembler.messages) : { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  }

  get partial() {
    return { text: this.assembler.text, reasoning: this.assembler.reasoning };
  }

  get answeredBy() {
    return this.#source.answeredBy;
  }
}

/** The chunks that the engine reads, some at a time. */
export class EngineChunks {
  #core;
  #key;
  #by;

  constructor(core, site, answeredBy) {
    this.#core = core;
    this.site = site;
    this.#by = answeredBy;
  }

  next() {
    return new Run(this.#core, true);
  }

  get answered() {
    return this.#core?.answered ?? this.#key !== undefined;
  }

  get answeredBy() {
    const key = this.#core ? this.#core.key : this.#key;
    return key === undefined ? undefined : this.#by(key);
  }

  end(state, inputTokens, outputTokens) {
    const core = this.#core;
    this.#key = core.key;
    this.#core = undefined;
    core.end(state, inputTokens, outputTokens);
    queueMicrotask(() => core.free()); // a listener may have ended it in its very poll
  }
}

/** Chunks of somebody's own. */
class OwnChunks {
  answered = true;
  #iterator;

  constructor(chunks) {
    this.#iterator = (chunks[Symbol.asyncIterator] ?? chunks[Symbol.iterator]).call(chunks);
  }

  next() {
    let cancel;
    const cancelled = new Promise((_, reject) => (cancel = reject));
    return { promise: Promise.race([this.#next(), cancelled]), start() {}, cancel };
  }

  async #next() {
    const { value, done } = await this.#iterator.next();
    if (done) return undefined;
    if (typeof value !== "object" || value === null) throw new TypeError(`expected a chunk, found ${value}`);
    return [{ json: value, text: JSON.stringify(value) }];
  }

  async end(state) {
    try {
      if (state === "cancelled") await this.#iterator.return?.();
    } catch {
      // Whoever left does not want to know.
    }
  }
}

/** A stream that could not be asked for: whoever reads it is told why. */
export class Unasked {
  answered = false;

  constructor(error) {
    this.error = error;
  }

  next() {
    return { promise: Promise.reject(this.error), start() {}, cancel() {} };
  }

  end() {}
}
