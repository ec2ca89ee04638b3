// The few facts that the engine asks of an answer or a chunk; ../src/codec.rs calls this and knows the bits.

import { attempt, Template } from "./template.js";

const ERROR = 1;
export const VISIBLE = 2;
const ONE_CHOICE = 4;
const MANY_CHOICES = 8;
const RESTART = 16;
const FIRST_BIT_OF_CHOICE = 5;
const LARGEST_INDEX = 2 ** 26;
const NONE = -1;
/** The bits that say what kind of chunk it is, and those of one that shows something of one choice. */
const KIND = 31;
const PLAIN = VISIBLE | ONE_CHOICE;
/** So many templates in a row may serve for nothing before no more are made. */
const MOST_WASTED = 8;

/** Bytes: a browser may bring a megabyte, and objects that wait for long are moved about by the host's collector. */
const MOST_AT_ONCE = 65_536;
const LINE_FEED = 10;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses an answer or a chunk. */
export function parse(text) {
  const json = read(text);
  if (!isObject(json)) throw new TypeError("expected an object");
  const list = json.choices ?? [];
  if (!Array.isArray(list) || !list.every(isObject)) throw new TypeError("choices: expected a list of objects");
  let facts = (json.error ?? null) !== null || json.object === "error" ? ERROR : 0; // the latter is Mistral's
  if (list.some(isVisible)) facts |= VISIBLE;
  if (isRestart(json)) facts |= RESTART;
  if (list.length === 1) facts |= ONE_CHOICE | (numberOf(list[0]) << FIRST_BIT_OF_CHOICE);
  if (list.length > 1) facts |= MANY_CHOICES;
  return { json, text, facts, like: undefined };
}

/** The value of a text, or an error that says nothing of it: hosts quote what they can't read, and with it parts of a key. */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError("it is not JSON");
  }
}

/** The chunks of a stream that are read and not yet handed out. All that can go wrong with them goes wrong here. */
export class Items {
  error = "";
  #items = [];
  #template;
  /** Templates in a row that no chunk was like; the first chunk, which is as a rule like no other, stands for one. */
  #wasted = 0;

  /**
   * Adds the chunks of the events at the start that are `data: {…}` and a blank line: nearly all are. What is not so
   * plain is left to the engine, and all behind it. Gives the bytes that they take, and the facts of each.
   */
  addAll(bytes) {
    const events = wholeEvents(bytes.subarray(0, MOST_AT_ONCE));
    const text = textOf(events);
    const found = [0];
    let at = 0;
    while (text.startsWith("data: {", at)) {
      const end = text.indexOf("\n", at);
      if (text[end + 1] !== "\n") break;
      const facts = this.add(text.slice(at + 6, end));
      if (facts === NONE) break;
      if (facts & (ERROR | MANY_CHOICES)) {
        this.#items.pop();
        break;
      }
      found.push(facts);
      at = end + 2;
    }
    // Where not every character is a byte, they are counted.
    if (text.length === events.length) found[0] = at;
    else if (at > 0) found[0] = at === text.length ? events.length : new TextEncoder().encode(text.slice(0, at)).length;
    return found;
  }

  add(text) {
    try {
      const item = this.#read(text);
      this.#items.push(item);
      return item.facts;
    } catch ({ message }) {
      this.error = message;
      return NONE;
    }
  }

  /** Reads a chunk, with a look at those before. */
  #read(text) {
    const like = this.#template;
    const json = like?.read(text);
    if (json) {
      this.#wasted = 1;
      return { json, text, facts: like.facts, like };
    }
    const item = parse(text);
    if ((item.facts & KIND) === PLAIN && this.#wasted < MOST_WASTED && this.#wasted++ > 0) {
      this.#template = attempt(() => new Template(item)) ?? like;
    }
    return item;
  }

  get choices() {
    return this.#items.at(-1).json.choices.map(numberOf);
  }

  take(count) {
    return this.#items.splice(0, count);
  }

  /** A whole answer, in place of a stream that was asked for, as the one chunk of it. */
  inOneChunk() {
    const [{ json, ...item }] = this.#items;
    const choices = json.choices.map(({ message, ...choice }) => ({ ...choice, delta: asDelta(message) }));
    const chunk = { ...json, object: "chat.completion.chunk", choices };
    this.#items = [{ ...item, json: chunk, text: JSON.stringify(chunk) }];
  }
}

/** The bytes up to the last blank line. */
function wholeEvents(bytes) {
  let end = bytes.lastIndexOf(LINE_FEED);
  while (end > 0 && bytes[end - 1] !== LINE_FEED) end = bytes.lastIndexOf(LINE_FEED, end - 1);
  return bytes.subarray(0, end + 1);
}

/** Their text; none where it is not for us to read: what is no text is noticed where it stands, and a CR ends a line. */
function textOf(bytes) {
  try {
    const text = utf8.decode(bytes);
    return text.includes("\r") ? "" : text;
  } catch {
    return "";
  }
}

function asDelta(message) {
  const calls = message?.tool_calls;
  return Array.isArray(calls) ? { ...message, tool_calls: calls.map((call, index) => ({ index, ...call })) } : { ...message };
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Twice its index, and 1 more where it has ended: some providers send an empty reason all along. */
function numberOf({ index, finish_reason }) {
  const place = Number.isInteger(index) && index > 0 && index < LARGEST_INDEX ? index : 0;
  return place * 2 + (typeof finish_reason === "string" && finish_reason !== "" ? 1 : 0);
}

/** Whether there is anything to show: content, reasoning, a refusal or a tool call. */
function isVisible({ delta, message }) {
  const said = delta ?? message ?? {};
  return (
    isFilled(said.content) ||
    isFilled(said.reasoning_content) ||
    isFilled(said.reasoning) ||
    isFilled(said.refusal) ||
    said.tool_calls?.length > 0 ||
    said.reasoning_details?.length > 0 // OpenRouter's thinking may come in these alone
  );
}

const isFilled = (content) =>
  typeof content === "string" ? content !== "" : Array.isArray(content) && content.some((part) => part?.type !== "text" || part.text);

/** Whether the answer begins anew with this chunk. */
export const isRestart = ({ choices, restart }) => typeof restart?.target === "string" && !choices?.length;
