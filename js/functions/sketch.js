// A type in few words, as a form to be filled in: small models copy a JSON Schema in place of an answer.

import { isObject, resolve } from "./references.js";

const DEEPEST = 6;
const INDENT = "  ";

/** The form of a type: JSON with words where values go. */
export const sketchOf = (schema) => sketch(schema, schema, 0);

function sketch(schema, root, depth) {
  if (!isObject(schema) || depth > DEEPEST) return "any JSON";
  if (typeof schema.$ref === "string") return sketch(resolve(schema.$ref, root), root, depth + 1);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" or ");
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return alternatives.map((one) => sketch(one, root, depth)).join(" or ");
  const types = [schema.type ?? (schema.properties ? "object" : undefined)].flat();
  return types.map((type) => sketchOfType(type, schema, root, depth)).join(" or ");
}

function sketchOfType(type, schema, root, depth) {
  if (type === "object") return sketchOfObject(schema, root, depth);
  if (type === "array") return sketchOfList(schema, root, depth);
  if (type === "string") return JSON.stringify(schema.format ?? "text");
  if (type === "number" || type === "integer") return `${type === "integer" ? "whole number" : "number"}${bounds(schema)}`;
  return { boolean: "true or false", null: "null" }[type] ?? "any JSON";
}

function bounds({ minimum, maximum }) {
  const from = minimum === undefined ? "" : ` from ${minimum}`;
  return maximum === undefined ? from : `${from} to ${maximum}`;
}

function sketchOfObject({ properties = {}, additionalProperties }, root, depth) {
  const line = (name, one) => `${JSON.stringify(name)}: ${sketch(one, root, depth + 1)}${one?.description ? ` (${one.description})` : ""}`;
  const lines = Object.entries(properties).map(([name, one]) => line(name, one));
  if (isObject(additionalProperties)) lines.push(`name: ${sketch(additionalProperties, root, depth + 1)}, ...`);
  const margin = `\n${INDENT.repeat(depth + 1)}`;
  return `{${margin}${lines.join(`,${margin}`)}\n${INDENT.repeat(depth)}}`;
}

function sketchOfList({ items, prefixItems }, root, depth) {
  if (prefixItems) return `[${prefixItems.map((one) => sketch(one, root, depth)).join(", ")}]`;
  return `[${sketch(items ?? {}, root, depth)}, ...]`;
}
