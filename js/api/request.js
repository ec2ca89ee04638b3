// A call's request: what goes to the provider, and how long it may take.

import { Terms } from "lockkeeper-core";
import { configError } from "./errors.js";
import { problemOfPriority } from "./priority.js";
import { problemOfInterrupt, ROUTE } from "./route.js";
import { problemOfSignal } from "./signals.js";

const CLOCKS = ["timeout", "headersTimeout", "firstTokenTimeout", "idleTimeout"];
const MOST_RETRIES = 100;

/**
 * What the engine asks for these messages: its parts are in the order of `Client.chat`. The body is written now,
 * whatever becomes of them later.
 */
export function requestOf(messages, options, model, streams, site) {
  const problems = typeof (options ?? {}) === "object" ? [] : [["options", "expected an object"]];
  const { signal, maxRetries, timeout, headersTimeout, firstTokenTimeout, idleTimeout, onInterrupt, priority, ...fields } = Object(options ?? {});
  if (fields.stream_options === null) delete fields.stream_options;
  problems.push(...problemsOf(messages, fields, streams), ...problemOfSignal(signal), ...problemOfInterrupt(onInterrupt), ...problemOfPriority(priority));
  const text = written({ ...fields, model: fields.model ?? model, messages, stream: streams || undefined }, problems);
  const own = typeof fields.model === "string" && fields.model !== model ? fields.model : undefined;
  const choices = Number.isInteger(fields.n) && fields.n > 0 ? fields.n : 1;
  const terms = termsOf([timeout, headersTimeout, firstTokenTimeout, idleTimeout], { maxRetries, priority, route: fields[ROUTE] }, problems);
  if (problems.length === 0) return { text, own, choices, mayAskUsage: fields.stream_options === undefined, terms };
  terms?.free();
  throw configError(problems, site);
}

/** What the options say of how long the call may take, how often to try and who is first; mostly nothing. */
function termsOf(clocks, { maxRetries, priority, route }, problems) {
  if (maxRetries == null && !priority && !route && clocks.every((seconds) => seconds == null)) return undefined;
  const terms = new Terms();
  for (const [number, seconds] of clocks.entries()) {
    const problem = seconds == null ? undefined : typeof seconds === "number" ? terms.clock(number, seconds) : "expected a number of seconds";
    if (problem) problems.push([CLOCKS[number], problem]);
  }
  if (maxRetries != null && !(Number.isInteger(maxRetries) && maxRetries >= 0 && maxRetries <= MOST_RETRIES)) {
    problems.push(["maxRetries", `expected a whole number from 0 to ${MOST_RETRIES}`]);
  } else if (maxRetries != null) {
    terms.retries(maxRetries);
  }
  if (priority && !problems.length) terms.priority(priority);
  if (route) terms.route(route.hasNext, route.beginWithin);
  route?.gates.forEach((gate) => isHeld(gate) && terms.gate(gate));
  return terms;
}

function problemsOf(messages, fields, streams) {
  const problems = [];
  if (!Array.isArray(messages) || messages.length === 0) {
    problems.push(["messages", "expected a list of at least one message"]);
  } else {
    for (const [index, message] of messages.entries()) {
      if (typeof message?.role !== "string" || message.role === "") {
        problems.push([`messages[${index}].role`, "is missing: it is system, user, assistant or tool"]);
      }
    }
  }
  if ((fields.stream ?? streams) !== streams) {
    const method = streams ? "streams" : "does not stream";
    problems.push(["stream", `is ${fields.stream}, but the method that was called ${method}`]);
  }
  if (fields.model != null && typeof fields.model !== "string") problems.push(["model", "expected a string"]);
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "number" && !Number.isFinite(value)) problems.push([name, `${value} is not a finite number`]);
  }
  return problems;
}

function written(body, problems) {
  try {
    return JSON.stringify(body);
  } catch (error) {
    problems.push(["", error.message]); // a bigint, or something that holds itself
    return "{}";
  }
}

/** Whether a gate has not been given up: a wrapper may use its options after the call that they were for. */
const isHeld = (gate) => gate.__wbg_ptr !== 0;
