// The JSON Schema that goes to the provider: what servers and small models take. References are written out, notes for
// other readers left out, and every object is closed, with all members required, as the strict modes want it.

import { RESULT } from "./answer.js";
import { exampleOf } from "./example.js";
import { isObject, resolve } from "./references.js";

/** The words that say something to a model or to a grammar. */
const KEPT = [
  "type", "description", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
  "minLength", "maxLength", "minItems", "maxItems", "format", "pattern",
];
const PLAIN_PATTERN = /^(?!.*\(\?).{1,100}$/s; // others break the grammars that servers make of them
/** Those that strict modes know. */
const FORMATS = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/**
 * The same type for the wire: `{ schema, example, strict, isWrapped }`. What is no object becomes the `result` of one;
 * `strict` says whether the schema is one that strict modes take.
 */
export function wireSchema(schema) {
  const isWrapped = !isObjectType(schema);
  const writer = new Writer(schema);
  const inner = writer.write(schema, []);
  const whole = isWrapped ? { type: "object", properties: { [RESULT]: inner }, required: [RESULT], additionalProperties: false } : inner;
  const { definitions } = writer;
  const written = Object.keys(definitions).length ? { ...whole, $defs: definitions } : whole;
  return { schema: written, example: exampleOf(written), strict: writer.strict, isWrapped };
}

function isObjectType(schema) {
  const seen = new Set();
  let one = schema;
  while (typeof one?.$ref === "string" && !seen.has(one)) {
    seen.add(one);
    one = resolve(one.$ref, schema);
  }
  return one?.type === "object" || isObject(one?.properties);
}

class Writer {
  strict = true;
  definitions = {};
  #recursive = new Set();

  constructor(root) {
    this.root = root;
  }

  /** `open` are the references that it stands within. */
  write(schema, open) {
    if (!isObject(schema)) return this.#loose({});
    if (typeof schema.$ref === "string") return this.#reference(schema, open);
    const written = {};
    for (const word of KEPT) if (word in schema) written[word] = schema[word];
    if (!FORMATS.includes(written.format)) delete written.format;
    if ("pattern" in written && !PLAIN_PATTERN.test(written.pattern)) delete written.pattern;
    for (const word of ["minimum", "maximum"]) if (Math.abs(written[word]) === Number.MAX_SAFE_INTEGER) delete written[word];
    if ("minLength" in written || "maxLength" in written) this.strict = false;
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (alternatives) written.anyOf = alternatives.map((one) => this.write(one, open));
    if (schema.allOf) Object.assign(written, this.#all(schema.allOf, open));
    if (schema.items !== undefined && !schema.prefixItems) written.items = this.write(schema.items, open);
    if (schema.prefixItems) this.#tuple(written, schema, open);
    if (schema.properties || schema.type === "object") this.#members(written, schema, open);
    if (!["type", "enum", "const", "anyOf", "allOf"].some((word) => word in written)) this.strict = false;
    return written;
  }

  /** The type that is referred to, in its place; one within itself stays a reference. */
  #reference({ $ref, description }, open) {
    const name = $ref.split("/").at(-1).replaceAll(/[^\w-]/g, "") || "root";
    if (open.includes($ref)) {
      this.#recursive.add($ref);
      return { $ref: `#/$defs/${name}` };
    }
    const target = resolve($ref, this.root);
    const written = this.write(target, [...open, $ref]);
    if (this.#recursive.has($ref)) this.definitions[name] = written;
    return description === undefined ? written : { ...written, description };
  }

  #all(parts, open) {
    this.strict = false;
    return parts.length === 1 ? this.write(parts[0], open) : { allOf: parts.map((part) => this.write(part, open)) };
  }

  #tuple(written, { prefixItems, items }, open) {
    this.strict = false;
    written.prefixItems = prefixItems.map((one) => this.write(one, open));
    if (isObject(items)) written.items = this.write(items, open);
  }

  #members(written, schema, open) {
    const { properties = {}, required = [], additionalProperties } = schema;
    const isMap = isObject(additionalProperties) || (additionalProperties !== false && !schema.properties);
    written.properties = {};
    for (const [name, one] of Object.entries(properties)) {
      const member = this.write(one, open);
      written.properties[name] = required.includes(name) || isMap ? member : nullable(member);
    }
    written.required = isMap ? required : Object.keys(properties);
    if (isMap) this.strict = false;
    written.additionalProperties = isMap && isObject(additionalProperties) ? this.write(additionalProperties, open) : isMap;
  }

  #loose(schema) {
    this.strict = false;
    return schema;
  }
}

/** The same type, or `null`. */
function nullable(schema) {
  const { type, enum: values, anyOf, description, ...rest } = schema;
  if (type === "null" || type?.includes?.("null") || anyOf?.some((one) => one.type === "null")) return schema;
  if (anyOf) return { ...schema, anyOf: [...anyOf, { type: "null" }] };
  if (type === undefined || "const" in rest || "$ref" in rest) {
    const note = description === undefined ? {} : { description };
    const inner = { ...schema };
    delete inner.description;
    return { anyOf: [inner, { type: "null" }], ...note };
  }
  const list = { ...schema, type: [type].flat().concat("null") };
  return values ? { ...list, enum: [...values, null] } : list;
}
