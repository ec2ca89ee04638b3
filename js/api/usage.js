// What an answer cost in LLM tokens: as reported, or estimated and labelled so. The figures are those of src/core/usage.rs.

import { estimate } from "lockkeeper-core";
import { totalOf } from "./assemble.js";
import { reasoningOf, textOf } from "./text.js";

const MESSAGE_OVERHEAD = 3;
const ANSWER_OVERHEAD = 3;
const IMAGE_TOKENS = 765;

/** The reported usage, complete and with plain numbers. */
export function reported(usage) {
  const count = (value) => Math.max(0, Math.trunc(Number(value))) || 0;
  const [prompt_tokens, completion_tokens] = [count(usage.prompt_tokens), count(usage.completion_tokens)];
  return { ...usage, prompt_tokens, completion_tokens, total_tokens: count(totalOf(usage)) };
}

/** An estimate of what these messages, and the answers to them, cost. */
export function estimated(messages, answers) {
  const prompt_tokens = sum(messages, (message) => tokensOf(message) + MESSAGE_OVERHEAD) + ANSWER_OVERHEAD;
  const completion_tokens = sum(answers, tokensOf);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, estimated: true };
}

/** The tokens of everything that a message says. */
function tokensOf(message) {
  const { content, tool_calls, name, refusal } = message ?? {};
  const images = Array.isArray(content) ? content.filter((part) => part?.type === "image_url").length : 0;
  const calls = sum(tool_calls, (call) => text(call?.function?.name) + text(call?.function?.arguments));
  return text(textOf(content)) + images * IMAGE_TOKENS + calls + text(reasoningOf(message ?? {})) + text(name) + text(refusal);
}

const text = (value) => (typeof value === "string" ? estimateTokens(value) : 0);

/** A rough estimate of how many LLM tokens a text is. In Latin script it is known without the engine. */
export const estimateTokens = (text) => (/[^\0-\u024f]/.test(text) ? estimate(text) : Math.ceil(text.length / 4));

const sum = (list, of) => (Array.isArray(list) ? list : []).reduce((total, one) => total + of(one), 0);
