// Where in an answer the value may stand: models think aloud, explain, put fences around it.

import { readValue } from "./lenient.js";

/** What the model's thinking begins with. */
export const THINKING = "<think>";

const CLOSING = "</think>";
const MARK = /[{[]|<\/?think>/g;
const FENCE = /```[\w-]*/g;

/**
 * What the text holds outside of the model's thinking: `found`, each `{ value, cut }`, of which the last alone can be cut,
 * and `said`, the text without that thinking and without fences.
 */
export function candidatesIn(text) {
  const kept = withoutThoughts(text);
  return { found: kept.found, said: kept.said.replace(FENCE, "").trim() };
}

function withoutThoughts(text) {
  let [found, said, at] = [[], "", 0];
  for (let mark; (mark = nextMark(text, at)); ) {
    said += text.slice(at, mark.index);
    at = mark.index + mark[0].length;
    if (mark[0] === CLOSING) {
      [found, said] = [[], ""]; // its beginning stood in the prompt
    } else if (mark[0] === THINKING) {
      const end = text.indexOf(CLOSING, at);
      at = end < 0 ? text.length : end + CLOSING.length;
    } else {
      const read = readValue(text, mark.index);
      if (!read.isNone) found.push(read);
      at = read.end;
      said += text.slice(mark.index, at);
    }
  }
  return { found, said: said + text.slice(at) };
}

function nextMark(text, at) {
  MARK.lastIndex = at;
  return MARK.exec(text);
}

/** A text answer without the thinking before it. */
export const withoutThinking = (text) => text.replace(/^\s*<think>[^]*?(?:<\/think>\s*|$)/, "");
