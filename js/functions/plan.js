// What a definition comes to: read and checked once, whatever is wrong with it told at once.

import { fulfils } from "./contract.js";
import { misuse } from "./errors.js";
import { templateNames } from "./prompt.js";
import { isObject } from "./references.js";
import { ANSWER } from "./strategies.js";
import { contractAt, problemsOfTools } from "./tools.js";
import { wireSchema } from "./wire.js";

const MAX_REPAIRS = 2;
const MAX_STEPS = 8;
const LONGEST = 10_000; // seconds: more look like milliseconds
const NO_ARGUMENTS = { type: "object", properties: {}, additionalProperties: false };
/** A text with one of these is no longer any text. */
const OF_A_FORM = ["enum", "const", "pattern", "format", "anyOf", "oneOf", "allOf"];
const NAME = /^[\w-]{1,64}$/;

/** Reads the definition of a typed function. */
export function planOf(definition) {
  const { llm, description, parameters = NO_ARGUMENTS, returns, tools = [], name = ANSWER, ...settings } = Object(definition);
  const problems = [...problemsOf(llm, description, settings), ...problemsOfTools(tools)];
  if (!NAME.test(name)) problems.push({ path: "name", message: "expected a name of letters, digits, `_` and `-`" });
  const input = contractAt("parameters", parameters, problems);
  const contract = returns === undefined ? undefined : contractAt("returns", returns, problems);
  if (input) problems.push(...problemsOfTemplate(String(description), input.jsonSchema));
  if (problems.length) throw misuse(problems);
  const wire = contract && !isText(contract.jsonSchema) ? wireSchema(contract.jsonSchema) : undefined;
  return { llm, description, input, contract, wire, tools, name, settings, refused: new Set() };
}

const isText = (schema) => schema.type === "string" && !OF_A_FORM.some((word) => word in schema);

/** What is wrong with what all that ask a model have. */
export function problemsOf(llm, description, settings) {
  const problems = [];
  if (typeof llm?.chat !== "function" || typeof llm.chatStream !== "function") {
    problems.push({ path: "llm", message: "expected an object with `chat` and `chatStream`" });
  }
  if (typeof description !== "string" || description.trim() === "") {
    problems.push({ path: "description", message: "expected a text that tells the model what to do" });
  }
  return [...problems, ...problemsOfSettings(settings)];
}

function problemsOfSettings({ maxRepairs, maxSteps, timeout, signal, options }) {
  const problems = [];
  const wanted = (path, isRight, message) => isRight || problems.push({ path, message });
  wanted("maxRepairs", maxRepairs === undefined || isWhole(maxRepairs, 0, 10), "expected a whole number from 0 to 10");
  wanted("maxSteps", maxSteps === undefined || isWhole(maxSteps, 1, 100), "expected a whole number from 1 to 100");
  wanted("timeout", timeout === undefined || (typeof timeout === "number" && timeout > 0 && timeout <= LONGEST), `expected a number of seconds above 0, up to ${LONGEST}`);
  wanted("signal", (signal ?? undefined) === undefined || typeof signal.addEventListener === "function", "expected an AbortSignal");
  wanted("options", options === undefined || isObject(options), "expected an object");
  return problems;
}

const isWhole = (value, from, to) => Number.isInteger(value) && value >= from && value <= to;

function problemsOfTemplate(description, { properties = {} }) {
  const names = Object.keys(properties);
  const unknown = [...new Set(templateNames(description))].filter((name) => !names.includes(name));
  const there = names.length ? `there are: ${names.join(", ")}` : "there are none";
  return unknown.map((name) => ({ path: "description", message: `{${name}} is no parameter; ${there}` }));
}

/** How a call goes: its own options over those of the function; what is no setting is an option of the chat. */
export function termsOf(settings, own = {}) {
  const problems = isObject(own) ? problemsOfSettings(own) : [{ path: "options", message: "expected an object" }];
  if (problems.length) throw misuse(problems);
  const { signal, timeout, maxRepairs, maxSteps, ...options } = own;
  const said = Object.entries({ timeout, maxRepairs, maxSteps }).filter(([, value]) => value !== undefined);
  const all = { maxRepairs: MAX_REPAIRS, maxSteps: MAX_STEPS, ...settings, ...Object.fromEntries(said) };
  return { timeout: all.timeout, signal, maxRepairs: all.maxRepairs, maxSteps: all.maxSteps, options: { ...settings.options, ...options } };
}

/** The arguments of a call as its function has them; nothing is sent where they are wrong. */
export async function argumentsOf({ input }, given = {}) {
  if (!isObject(given)) throw misuse([{ path: "$", message: "expected an object with the arguments" }]);
  const args = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { value, errors } = await fulfils(input, args);
  if (errors) throw misuse(errors);
  try {
    JSON.stringify(value);
    return value;
  } catch (error) {
    throw misuse([{ path: "$", message: error.message }]); // a bigint, or something that holds itself
  }
}
