// Functions that the model may call.

import { valueIn } from "./answer.js";
import { contractOf } from "./contract.js";
import { misuse } from "./errors.js";
import { ANSWER } from "./strategies.js";
import { wireSchema } from "./wire.js";
import { told } from "./words.js";

const NAME = /^[\w-]{1,64}$/;
const NO_ARGUMENTS = { type: "object", properties: {}, additionalProperties: false };
const made = new WeakSet();

/** A function that the model may call: its arguments are checked, its result goes back to the model. */
export function tool({ name, description = "", parameters = NO_ARGUMENTS, execute } = {}) {
  const problems = [];
  if (!NAME.test(name)) problems.push({ path: "name", message: "expected a name of letters, digits, `_` and `-`" });
  else if (name === ANSWER) problems.push({ path: "name", message: `\`${ANSWER}\` is what answers are given with` });
  if (typeof execute !== "function") problems.push({ path: "execute", message: "expected a function" });
  const contract = contractAt("parameters", parameters, problems);
  if (problems.length) throw misuse(problems);
  const { schema } = wireSchema(contract.jsonSchema);
  const written = { type: "function", function: { name, description, parameters: schema } };
  const one = Object.freeze({ name, description, execute, contract, written });
  made.add(one);
  return one;
}

/** Reads a type; what is wrong with it is added to the problems. */
export function contractAt(path, given, problems) {
  try {
    return contractOf(given);
  } catch (thrown) {
    problems.push({ path, message: typeof thrown === "string" ? thrown : `can't be read: ${thrown?.message ?? thrown}` });
    return undefined;
  }
}

/** What is wrong with a list of tools. */
export function problemsOfTools(tools) {
  if (!Array.isArray(tools) || !tools.every((one) => made.has(one))) return [{ path: "tools", message: "expected a list of what `tool()` gives" }];
  const twice = tools.find(({ name }, index) => tools.findIndex((other) => other.name === name) !== index);
  return twice ? [{ path: "tools", message: `two are called ${twice.name}` }] : [];
}

/** Begins all calls at once. Each gives a record, which says more once it has ended, and the message for the model. */
export function beginCalls(calls, tools, deadline) {
  return calls.map((call) => {
    const record = { name: call.function.name, arguments: call.function.arguments };
    return { record, message: messageOf(call, record, tools, deadline) };
  });
}

async function messageOf(call, record, tools, deadline) {
  const began = performance.now();
  let content;
  try {
    record.result = await perform(call, record, tools, deadline);
    content = textOfResult(record.result);
  } catch (thrown) {
    record.error = String(thrown?.message ?? thrown);
    content = `error: ${record.error}`;
  }
  record.duration = (performance.now() - began) / 1000;
  return { role: "tool", tool_call_id: call.id, content };
}

async function perform({ id, function: called }, record, tools, deadline) {
  const one = tools.find(({ name }) => name === called.name);
  if (!one) throw new Error(`there is no tool ${JSON.stringify(called.name)}; there are: ${tools.map(({ name }) => name).join(", ")}`);
  const { value, errors } = await argumentsOf(called.arguments, one.contract);
  if (errors) throw new Error(`wrong arguments: ${errors.map(told).join("; ")}`);
  record.arguments = value;
  return one.execute(value, { signal: deadline.signal, toolCallId: id });
}

async function argumentsOf(written, { jsonSchema, check }) {
  const text = typeof written === "string" ? written : JSON.stringify(written ?? {});
  const read = valueIn(["", "null"].includes(text.trim()) ? "{}" : text, jsonSchema, false);
  return read.errors || !check ? read : check(read.value);
}

function textOfResult(result) {
  if (typeof result === "string") return result;
  return JSON.stringify(result) ?? "done";
}
