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
