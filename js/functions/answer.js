// From the text of an answer to the value that was asked for, or to all that is wrong with it.

import { candidatesIn } from "./candidates.js";
import { fit } from "./fit.js";
import { readValue } from "./lenient.js";
import { isObject } from "./references.js";

/** The member that holds what is no object, as most servers want objects only. */
export const RESULT = "result";

const problem = (message) => [{ path: "$", message }];

/**
 * The value that a text holds, by its schema: `{ value }`, or `{ errors }`, with the nearest `value` where there is one
 * and `none` where the text has no JSON at all. `isWrapped` says whether it was asked for as the `result` of an object, `isCut` whether the text might go on.
 */
export function valueIn(text, schema, isWrapped, isCut = false) {
  const { found, said } = candidatesIn(text ?? "");
  const readings = found.filter(({ cut }) => !cut).flatMap(({ value }) => readingsOf(value, isWrapped));
  if (readings.length) return best(readings, schema);
  const bare = isWrapped && said !== "" && !isCut ? bareValue(said, schema) : undefined;
  if (bare) return bare;
  if (found.length) return { errors: problem("the JSON is not closed"), value: partOf(found.at(-1), schema, isWrapped) };
  return { errors: problem(said === "" ? "the answer is empty" : "expected JSON, found text without any"), none: true };
}

/** What a value that was found may be meant as; an only member, where nothing is wrong with that. */
function readingsOf(value, isWrapped) {
  const readings = isWrapped && isRecord(value) && Object.hasOwn(value, RESULT) ? [{ value: value[RESULT] }] : [];
  readings.push({ value });
  const members = isRecord(value) ? Object.values(value) : [];
  return members.length === 1 ? [...readings, { value: members[0], isGuess: true }] : readings;
}

/** The first of those with the least against them. */
function best(readings, schema) {
  let least;
  for (const reading of readings) {
    const { value, errors } = fit(reading.value, schema);
    if (errors.length === 0) return { value };
    if (reading.isGuess) continue;
    if (!least || errors.length < least.errors.length) least = { value, errors };
  }
  return least;
}

/** The whole text as the value: a number, a word. */
function bareValue(said, schema) {
  const text = said.replace(/\.$/, "");
  const read = readValue(`${text}\n`);
  const isWhole = !read.isNone && !read.cut && text.slice(read.end).trim() === "";
  for (const reading of isWhole ? [read.value, text] : [text]) {
    const { value, errors } = fit(reading, schema);
    if (errors.length === 0) return { value };
  }
  return undefined;
}

/** What a text that is still being written holds so far: `{ value }`, or `undefined` before anything is certain. */
export function partialIn(text, schema, isWrapped) {
  const { found } = candidatesIn(text);
  const shown = found.find((one) => one.cut || fits(one, schema, isWrapped)) ?? found.at(-1);
  const value = shown && partOf(shown, schema, isWrapped);
  return value === undefined ? undefined : { value };
}

const fits = ({ value }, schema, isWrapped) => !best(readingsOf(value, isWrapped), schema).errors;

/** What of a value that was found is the value that was asked for. */
function partOf({ value }, schema, isWrapped) {
  if (!isWrapped) return isRecord(value) ? value : undefined;
  if (Array.isArray(value)) return schema.type === "array" ? value : undefined;
  return isRecord(value) && Object.hasOwn(value, RESULT) ? value[RESULT] : undefined;
}

const isRecord = (value) => isObject(value) && !Array.isArray(value);
