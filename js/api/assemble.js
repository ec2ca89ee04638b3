// The chunks of a stream, folded into one answer. The same rules as the library's own, in src/chat/assemble.rs
// and tool_calls.rs: tests/assemble holds both to the same examples.

import { isRestart } from "./facts.js";
import { reasoningOf, textOf } from "./text.js";

const OF_A_CHOICE = ["index", "delta", "message", "finish_reason"];
const PIECEWISE = ["reasoning_content", "reasoning", "refusal"];

export class Assembler {
  usage;
  #answer = {};
  #choices = [];
  #like;

  /** Adds what a chunk brings: but for a text nothing, if it is like the template that the last one was like. */
  push(chunk, like) {
    if (like && like === this.#like) {
      const [{ index, delta }] = chunk.choices;
      return this.#choice(index ?? 0).adds(like.name, delta[like.name]);
    }
    this.#like = like;
    if (isRestart(chunk)) {
      [this.usage, this.#answer, this.#choices] = [undefined, {}, []]; // what came before is void
      return;
    }
    const reported = chunk.usage ?? chunk.x_groq?.usage; // Groq's may stand in a corner
    if (reported && (!this.usage || totalOf(reported) > 0)) this.usage = reported;
    for (const name in chunk) if (name !== "choices" && name !== "usage") fold(this.#answer, name, chunk[name]);
    for (const choice of objects(chunk.choices)) this.#choice(choice.index ?? 0).push(choice);
  }

  /** The first choice's text so far. */
  get text() {
    return textOf(this.#choices[0]?.message.content);
  }

  /** The first choice's reasoning so far. */
  get reasoning() {
    return this.#choices[0] ? reasoningOf(this.#choices[0].message) : "";
  }

  /** The messages so far, to estimate their cost. */
  get messages() {
    return this.#choices.map((choice) => choice.finish().message);
  }

  /** The answer, as far as it came. */
  finish(usage) {
    const choices = this.#choices.map((choice) => choice.finish());
    return { ...this.#answer, object: "chat.completion", choices, usage };
  }

  #choice(index) {
    let place = this.#choices.findIndex((choice) => choice.index >= index);
    if (place < 0) place = this.#choices.length;
    if (this.#choices[place]?.index !== index) this.#choices.splice(place, 0, new OpenChoice(index));
    return this.#choices[place];
  }
}

/** So many pieces of a text are joined at once: each alone would stay, for the host's collector to move about. */
const JOINED = 64;

/** A choice that may still grow. */
class OpenChoice {
  #message = { role: "assistant", content: null };
  /** What has come of its texts since they were joined. */
  #pieces = {};
  #calls = [];
  #rest = {};
  #finishReason = null;

  constructor(index) {
    this.index = index;
  }

  // Perplexity repeats the message so far beside each delta: we have built our own.
  push(choice) {
    const { delta } = choice;
    if (choice.finish_reason) this.#finishReason = choice.finish_reason;
    for (const name in choice) if (!OF_A_CHOICE.includes(name)) fold(this.#rest, name, choice[name]);
    for (const name in delta) this.#said(name, delta[name]);
    for (const piece of objects(delta?.tool_calls)) this.#call(piece);
  }

  #said(name, value) {
    const message = this.#message;
    if (name === "content" ? typeof value === "string" : PIECEWISE.includes(name)) this.adds(name, value);
    else if (name === "content") this.message.content = joined(this.message.content, value);
    else if (name === "role") message.role = value || message.role;
    else if (name !== "tool_calls") fold(message, name, value);
  }

  adds(name, piece) {
    const pieces = (this.#pieces[name] ??= []);
    if (piece || name === "content") pieces.push(piece);
    if (pieces.length === JOINED) this.#joins(name);
  }

  #joins(name) {
    const pieces = this.#pieces[name];
    if (pieces.length) this.#message[name] = joined(this.#message[name] ?? null, pieces.splice(0).join(""));
  }

  /** The message so far. */
  get message() {
    for (const name in this.#pieces) this.#joins(name);
    return this.#message;
  }

  finish() {
    const calls = this.#calls.map(({ index, ...call }) => call);
    const message = calls.length ? { ...this.message, tool_calls: calls } : { ...this.message };
    return { index: this.index, message, finish_reason: this.#finishReason, ...this.#rest };
  }

  /** Adds a piece of a tool call to the call that it belongs to: not every provider numbers or names them. */
  #call({ index, id, type, function: called, ...rest }) {
    const piece = called ?? {};
    const sameIndex = (open) => index == null || open.index == null || open.index === index;
    let call = this.#calls.findLast((open) => sameIndex(open) && id && open.id === id);
    const last = this.#calls.findLast(sameIndex);
    if (!call && last && !opensAnother(last, { index, id, piece })) call = last;
    if (!call) {
      call = { index, id: "", type: "function", function: { name: "", arguments: "" } };
      this.#calls.push(call);
    }
    const { name, arguments: written, ...more } = piece;
    call.id ||= id ?? "";
    call.function.name ||= name ?? "";
    if (type) call.type = type;
    const text = written == null ? "" : typeof written === "string" ? written : JSON.stringify(written);
    // A piece `null` means "no arguments", unless it is one of several.
    const known = call.function.arguments;
    if (text !== "null" || !(known === "" || isWhole(known))) call.function.arguments += text;
    merge(call.function, more);
    merge(call, rest);
  }
}

/** Whether a piece that could continue a call says that it does not. */
function opensAnother(call, { index, id, piece }) {
  if (id) return call.id !== "" || (index == null && Boolean(piece.name));
  const named = Boolean(piece.name) && call.function.name !== "";
  return named && (piece.name !== call.function.name || (Boolean(piece.arguments) && isWhole(call.function.arguments)));
}

function isWhole(json) {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** Content and the next piece of it: text to text, and to a list of parts as soon as there is one. */
function joined(known, piece) {
  if (piece == null) return known;
  if (known === null || known === "") return Array.isArray(piece) ? [...piece] : piece;
  if (typeof known === "string" && typeof piece === "string") return known + piece;
  const parts = asParts(known);
  for (const part of asParts(piece)) {
    const last = parts.at(-1);
    // A text that follows a text is one text with it.
    if (last?.type === "text" && part?.type === "text") parts[parts.length - 1] = { ...last, text: last.text + part.text };
    else parts.push(part);
  }
  return parts;
}

const asParts = (content) => (Array.isArray(content) ? [...content] : content === "" ? [] : [{ type: "text", text: content }]);

/** Folds later fields into those known. */
function merge(into, later) {
  for (const name in later) fold(into, name, later[name]);
}

/** Folds a later value into what is known: the last one wins, `null` tells nothing, and some lists come in pieces. */
function fold(into, name, value) {
  const known = into[name];
  if (known === value || (value === null && known !== undefined)) return;
  if (name === "reasoning_details" && Array.isArray(known) && Array.isArray(value)) known.push(...value);
  else if (name === "logprobs" && isObject(known) && isObject(value)) mergeLists(known, value);
  else into[name] = value !== null && typeof value === "object" ? structuredClone(value) : value;
}

const isObject = (value) => typeof value === "object" && value !== null;

/** Those of a list that can be what is looked for. */
const objects = (list) => (Array.isArray(list) ? list.filter(isObject) : []);

/** The probabilities of the tokens come a few at a time. */
function mergeLists(into, later) {
  for (const [name, value] of Object.entries(later)) {
    if (Array.isArray(into[name]) && Array.isArray(value)) into[name].push(...value);
    else if (value !== null || !(name in into)) into[name] = value;
  }
}

export const totalOf = ({ total_tokens, prompt_tokens, completion_tokens }) =>
  Number(total_tokens) || Number(prompt_tokens ?? 0) + Number(completion_tokens ?? 0);
