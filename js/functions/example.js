// An example of a type, for models that make little of a schema.

import { isObject, resolve } from "./references.js";

const DEEPEST = 6;

/** What stands for any text. */
const TEXT = "text";

/** A value of this type: short, and as plain as can be. */
export const exampleOf = (schema) => example(schema, schema, 0);

/** Whether an example is one that nobody would give for an answer of his own: it has a text that says nothing. */
export const isEmpty = (example) => (isObject(example) ? Object.values(example).some(isEmpty) : example === TEXT);

function example(schema, root, depth) {
  if (!isObject(schema) || depth > DEEPEST) return null;
  if (typeof schema.$ref === "string") return example(resolve(schema.$ref, root), root, depth + 1);
  if ("const" in schema) return schema.const;
  if (schema.enum?.length) return schema.enum[0];
  const alternatives = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (alternatives?.length) return example(alternatives.find(({ type }) => type !== "null") ?? alternatives[0], root, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (type === "object" || schema.properties) return exampleObject(schema, root, depth);
  if (type === "array") return exampleList(schema, root, depth);
  if (type === "number" || type === "integer") return schema.minimum ?? (schema.exclusiveMinimum ?? 0) + 1;
  return { string: TEXT, boolean: true }[type] ?? null;
}

function exampleObject({ properties = {}, additionalProperties }, root, depth) {
  const members = Object.entries(properties).map(([name, one]) => [name, example(one, root, depth + 1)]);
  if (!members.length && isObject(additionalProperties)) members.push(["name", example(additionalProperties, root, depth + 1)]);
  return Object.fromEntries(members);
}

/** A list of two, so that it is seen to be one; but for what would go on for ever. */
function exampleList({ items, prefixItems }, root, depth) {
  if (prefixItems) return prefixItems.map((one) => example(one, root, depth + 1));
  return isObject(items) && depth < DEEPEST - 1 && !("$ref" in items) ? Array(2).fill(example(items, root, depth + 1)) : [];
}
