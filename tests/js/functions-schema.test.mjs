// JSON Schema: what fits, by the official cases for the words that are known; what goes to the provider; examples.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import test from "node:test";
import { exampleOf } from "../../js/functions/example.js";
import { fit } from "../../js/functions/fit.js";
import { sketchOf } from "../../js/functions/sketch.js";
import { wireSchema } from "../../js/functions/wire.js";
import { told } from "../../js/functions/words.js";

const suite = join(dirname(createRequire(import.meta.url).resolve("json-schema-test-suite")), "tests/draft4");
const WORDS = [
  "additionalProperties", "allOf", "anyOf", "enum", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
  "multipleOf", "oneOf", "pattern", "patternProperties", "properties", "ref", "required", "type", "uniqueItems",
];
/** Groups about what later drafts write otherwise, or about other documents than the schema itself. */
const OF_DRAFT_4 = ["an array of schemas for items", "exclusiveMaximum validation", "exclusiveMinimum validation", "relative pointer ref to array", "remote ref, containing refs itself"];

for (const word of WORDS) {
  test(`the official cases of ${word}`, () => {
    const groups = JSON.parse(readFileSync(join(suite, `${word}.json`), "utf8")).filter(({ description }) => !OF_DRAFT_4.includes(description));
    assert.ok(groups.length > 0);
    for (const { description, schema, tests } of groups) {
      for (const { description: what, data, valid } of tests) {
        const { value, errors } = fit(data, schema, { exact: true });
        assert.equal(errors.length === 0, valid, `${description}: ${what}`);
        assert.deepEqual(value, data, "nothing is changed");
      }
    }
  });
}

const fits = (value, schema) => fit(value, schema, { exact: true }).errors.map(told);

test("the words of draft 2020-12 that draft 4 does not have", () => {
  const tuple = { prefixItems: [{ const: "a" }, { type: "integer" }], items: false };
  assert.deepEqual(fits(["a", 1], tuple), []);
  assert.deepEqual(fits(["b", 1.5, 2], tuple), ['$[0]: expected "a", found "b"', "$[1]: expected an integer, found 1.5", "$[2]: is not allowed"]);
  const bounds = { exclusiveMinimum: 0, exclusiveMaximum: 1 };
  assert.deepEqual([0, 0.5, 1].map((number) => fits(number, bounds).length), [1, 0, 1]);
  const tree = { $ref: "#/$defs/tree", $defs: { tree: { type: "object", properties: { "a/b": { $ref: "#/$defs/tree" } }, required: ["x"] } } };
  assert.deepEqual(fits({ x: 1, "a/b": {} }, tree), ['$["a/b"].x: is missing']);
  assert.deepEqual(fits({ "a/b": 1 }, { $ref: "#/$defs/a~1b", $defs: { "a/b": { properties: { "a/b": { $ref: "#/$defs/x%20y" } } }, "x y": { type: "null" } } }), [
    '$["a/b"]: expected null, found 1',
  ]);
});

test("a schema that refers to itself alone ends, and so does a value that holds itself in depth", () => {
  assert.deepEqual(fits(1, { $ref: "#" }), ["$: is too deep"]);
  let deep = {};
  for (let depth = 0; depth < 5000; depth += 1) deep = { a: deep };
  assert.equal(fits(deep, { properties: { a: { $ref: "#" } } }).length, 1);
});

test("a name of the language's own is a member like any other", () => {
  const value = JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}');
  const schema = { type: "object", properties: { a: { type: "string" } }, additionalProperties: { type: "object" } };
  assert.deepEqual(fits(value, schema), ["$.constructor: expected an object, found 1"]);
  assert.deepEqual(Object.keys(fit(value, { type: "object" }).value), ["__proto__", "constructor"]);
  assert.deepEqual(fits({}, { type: "object", required: ["toString"] }), ["$.toString: is missing"]);
});

const wired = (schema) => {
  const { strict, isWrapped, example, ...wire } = wireSchema(schema);
  return { ...wire.schema, is: `${strict ? "strict" : "loose"}${isWrapped ? ", wrapped" : ""}` };
};

test("objects are closed, and what may be absent may be null", () => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema", title: "T", type: "object", default: {}, required: ["a"],
    properties: { a: { type: "integer", format: "int32", minimum: -9007199254740991, title: "A" }, b: { enum: ["x"], type: "string", description: "B" }, c: { const: 1, description: "C" } },
  };
  const properties = {
    a: { type: "integer" },
    b: { type: ["string", "null"], enum: ["x", null], description: "B" },
    c: { anyOf: [{ const: 1 }, { type: "null" }], description: "C" },
  };
  assert.deepEqual(wired(schema), { type: "object", properties, required: ["a", "b", "c"], additionalProperties: false, is: "strict" });
});

test("references are written out but for those to themselves", () => {
  const name = { type: "string" };
  const plain = { type: "object", properties: { a: { $ref: "#/$defs/name", description: "A" } }, required: ["a"], $defs: { name } };
  assert.deepEqual(wired(plain).properties, { a: { type: "string", description: "A" } });
  assert.equal(wired(plain).$defs, undefined);
  const tree = { type: "object", properties: { next: { anyOf: [{ $ref: "#/$defs/tree" }, { type: "null" }] } }, required: ["next"] };
  const found = wired({ $ref: "#/$defs/tree", $defs: { tree } });
  const one = { type: "object", properties: tree.properties, required: ["next"], additionalProperties: false };
  assert.deepEqual(found, { ...one, $defs: { tree: one }, is: "strict" });
});

test("what is no object is wrapped; what strict modes can't say is said loosely", () => {
  assert.deepEqual(wired({ type: "array", items: { type: "string" } }), {
    type: "object", properties: { result: { type: "array", items: { type: "string" } } }, required: ["result"], additionalProperties: false, is: "strict, wrapped",
  });
  const map = { type: "object", additionalProperties: { type: "integer" } };
  assert.deepEqual(wired(map), { type: "object", properties: {}, required: [], additionalProperties: { type: "integer" }, is: "loose" });
  assert.equal(wired({ oneOf: [map, { type: "null" }] }).is, "loose, wrapped");
  assert.equal(wired({ type: "string", minLength: 1, enum: ["a"] }).is, "loose, wrapped");
  assert.equal(wired(true).is, "loose, wrapped");
  const email = { type: "object", properties: { a: { type: "string", format: "email", pattern: "^(?!\\.)x" }, b: { type: "string", format: "uri", pattern: "^x$" } }, required: ["a", "b"] };
  assert.deepEqual(wired(email).properties, { a: { type: "string", format: "email" }, b: { type: "string", pattern: "^x$" } });
});

test("an example fits the type that it is of", () => {
  const tree = { type: "object", properties: { name: { type: "string" }, under: { type: "array", items: { $ref: "#/$defs/tree" } } }, required: ["name", "under"] };
  const schemas = [
    { type: "object", properties: { a: { type: "integer", minimum: 3 }, b: { type: ["null", "boolean"] }, c: { anyOf: [{ type: "null" }, { enum: ["x", "y"] }] } } },
    { type: "array", items: { type: "array", items: { type: "number" } } },
    { type: "array", prefixItems: [{ const: 7 }, { type: "null" }] },
    { type: "object", additionalProperties: { type: "integer" } },
    { $ref: "#/$defs/tree", $defs: { tree } },
  ];
  const examples = schemas.map((schema) => wireSchema(schema).schema).map((schema) => [exampleOf(schema), fits(exampleOf(schema), schema)]);
  assert.deepEqual(examples.map(([, errors]) => errors), schemas.map(() => []));
  assert.deepEqual(examples[0][0], { a: 3, b: true, c: "x" });
  assert.deepEqual(examples[1][0], { result: [[1, 1], [1, 1]] });
});

test("a sketch says in few words what a schema says", () => {
  const tree = { type: "object", properties: { name: { type: "string" }, under: { type: "array", items: { $ref: "#/$defs/tree" } } }, required: ["name", "under"] };
  const properties = {
    title: { type: "string", description: "in capitals" },
    day: { type: "string", format: "date" },
    stars: { type: "integer", minimum: 1, maximum: 5 },
    price: { type: ["number", "null"], minimum: 0 },
    mood: { enum: ["good", "bad"] },
    pairs: { type: "array", items: { type: "object", properties: { a: { type: "boolean" } }, required: ["a"] } },
    place: { type: "array", prefixItems: [{ type: "number" }, { const: "x" }] },
    rest: { type: "object", additionalProperties: { type: "null" } },
  };
  assert.equal(sketchOf({ type: "object", properties }), `{
  "title": "text" (in capitals),
  "day": "date",
  "stars": whole number from 1 to 5,
  "price": number from 0 or null,
  "mood": "good" or "bad",
  "pairs": [{
    "a": true or false
  }, ...],
  "place": [number, "x"],
  "rest": {
    name: null, ...
  }
}`);
  assert.ok(sketchOf(wireSchema({ $ref: "#/$defs/tree", $defs: { tree } }).schema).length < 1000);
  assert.equal(sketchOf({}), "any JSON");
});
