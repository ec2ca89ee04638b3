// The client of the moment: whom it talks to, and the requests that it was asked for.

import { OpenAICompatible } from "lockkeeper";
import "../engine.js";
import { Requests } from "./requests.js";

const EVENTS = ["wait", "attempt", "headers", "firstToken", "failure", "end"];

/** Seconds since the page was opened. */
export const now = () => performance.now() / 1000;

export class Session {
  requests = new Requests();
  /** The client, once there is one. */
  llm;
  #parts = [];
  #endings = []; // ends the listening to the client before

  /** Parts of the page are told of each new client (`connect`) and of each event (`happened`), where they have these. */
  add(part) {
    this.#parts.push(part);
    return part;
  }

  /** Makes this client the one that the page talks to. */
  use(llm) {
    for (const end of this.#endings) end();
    this.llm = llm;
    this.requests.clear();
    // What it has done before, under another name in the list, is not told again.
    this.first = llm.stats().calls;
    this.#endings = EVENTS.map((name) => llm.on(name, (event) => this.#tell(name, event)));
    for (const part of this.#parts) part.connect?.(llm);
  }

  #tell(name, event) {
    const known = { ...event, call: event.call - this.first };
    if (known.call < 0) return; // of a call from before
    this.requests.add(name, known, now());
    for (const part of this.#parts) part.happened?.(name, known);
  }

  /** Asks: the stream, and the request that it is, once that has begun. */
  ask(messages, options = {}) {
    const number = this.llm.stats().calls - this.first;
    const stream = this.llm.chatStream(messages, options);
    const { list } = this.requests;
    return { stream, request: () => list[number] };
  }
}

/** A client of its own for one model of one address. */
export function clientOf(options) {
  const llm = new OpenAICompatible(options);
  // The pool of an earlier client to the same address is the same one: it gets these keys, all well.
  if (options.apiKeys.length > 0) llm.keyPool.reload(options.apiKeys);
  for (const key of options.apiKeys) llm.keyPool.addKey(key);
  return llm;
}

/** The clients of a `provider.json`, by `provider/model`. */
export function clientsOf(text) {
  const providers = OpenAICompatible.loadFromJson(text, { dangerouslyAllowBrowser: true, env: {} });
  const clients = Object.entries(providers).flatMap(([provider, models]) => Object.entries(models).map(([model, llm]) => [`${provider}/${model}`, llm]));
  return new Map(clients);
}
