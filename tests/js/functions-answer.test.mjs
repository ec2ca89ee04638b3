// From an answer's text to its value: the same cases as the library's own, in tests/functions.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { partialIn, valueIn } from "../../js/functions/answer.js";
import { told } from "../../js/functions/words.js";

const cases = JSON.parse(readFileSync(new URL("../functions/cases.json", import.meta.url), "utf8"));

/** What is no object is asked for as the result of one. */
const isWrapped = ({ type }) => type !== "object";

for (const { name, text, schema, value, errors } of cases.parsing) {
  test(`an answer: ${name}`, () => {
    const found = valueIn(text, schema, isWrapped(schema));
    if (errors) assert.deepEqual(found.errors?.map(told), errors);
    else assert.deepEqual(found, { value });
  });
}

for (const { name, text, schema, steps } of cases.partial) {
  test(`a partial answer: ${name}`, () => {
    const characters = [...text];
    for (let length = 0; length <= characters.length; length += 1) {
      const [, ...expected] = steps.findLast(([from]) => from <= length) ?? [];
      const found = partialIn(characters.slice(0, length).join(""), schema, isWrapped(schema));
      assert.deepEqual(found ? [found.value] : [], expected, `after ${length} characters`);
    }
  });
}

// ---------------------------------------------------------------- whatever may come

/** Numbers below `limit`, always the same. */
function dice(seed) {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const TEXTS = ["", "a", "</think>", "{[", "it's", '"', "\\", "\n\t", "é😀", "//", "null", "12", "a: b, c"];

function someValue(roll, depth = 0) {
  const kind = roll(depth > 3 ? 4 : 6);
  if (kind < 2) return TEXTS[roll(TEXTS.length)];
  if (kind === 2) return [0, -1.5, 1e21, 12, 5e-7][roll(5)];
  if (kind === 3) return [true, false, null][roll(3)];
  const values = Array.from({ length: roll(4) }, () => someValue(roll, depth + 1));
  return kind === 4 ? values : Object.fromEntries(values.map((value, index) => [`${TEXTS[roll(TEXTS.length)]}${index}`, value]));
}

/** The same value, written as models write it. */
function written(value, roll) {
  const blank = ["", " ", "\n", " // so\n", "/* { */"][roll(5)];
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean" || value === null) return roll(2) ? `${value}` : { true: "True", false: "False", null: "None" }[value];
  if (typeof value === "number") return `${value}`;
  const comma = ["", ","][roll(2)];
  const inner = (items) => blank + items.join(`${blank},`) + (items.length ? comma : "") + blank;
  if (Array.isArray(value)) return `[${inner(value.map((one) => written(one, roll)))}]`;
  return `{${inner(Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}${blank}:${blank}${written(one, roll)}`))}}`;
}

/** Whether a value holds no more than a later one. */
function growsTo(value, later) {
  if (typeof value === "string") return typeof later === "string" && later.startsWith(value);
  if (typeof value !== "object" || value === null) return Object.is(value, later);
  return Array.isArray(value) === Array.isArray(later) && Object.entries(value).every(([key, one]) => Object.hasOwn(later, key) && growsTo(one, later[key]));
}

test("any value is read as it was meant, and nothing that is shown of it is taken back", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const roll = dice(seed);
    const value = { value: someValue(roll) };
    const text = written(value, roll);
    assert.deepEqual(valueIn(`So: ${text}.`, { type: "object" }, false), { value }, `seed ${seed}: ${text}`);
    let last = {};
    for (let length = 1; length <= text.length; length += 1) {
      const partial = partialIn(text.slice(0, length), { type: "object" }, false).value;
      assert.ok(growsTo(last, partial) && growsTo(partial, value), `seed ${seed}, ${length} characters of ${text}`);
      last = partial;
    }
    assert.deepEqual(last, value);
  }
});

test("whatever a text is, something is made of it, and soon", () => {
  const pieces = ["{", "}", "[", "]", ",", ":", '"', "'", "\\", "\\u00", "<think>", "</think>", "```json\n", "//", "/*", "*/", "a", "tru", "-", "1e", " ", "\ud83d", "__proto__"];
  for (let seed = 1; seed <= 2000; seed += 1) {
    const roll = dice(seed);
    const text = Array.from({ length: roll(60) }, () => pieces[roll(pieces.length)]).join("");
    for (const schema of [{ type: "object" }, { type: "array" }, { type: "string" }]) {
      const { errors, value } = valueIn(text, schema, isWrapped(schema));
      assert.ok(errors ? errors.length > 0 : value !== undefined, `seed ${seed}: ${text}`);
      partialIn(text, schema, isWrapped(schema));
    }
  }
  const began = performance.now();
  for (const piece of ["[", '{"a":', "[1,", "['", "[ ", "<think>", "[/*", '"\\', "```", "{a:[],", " "]) valueIn(piece.repeat(20_000), { type: "object" }, false);
  assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
});
