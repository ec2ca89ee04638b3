// What users give as a type: plain JSON Schema, or a Standard Schema value, of which the JSON Schema is asked.

import { fit } from "./fit.js";
import { isObject } from "./references.js";
import { below } from "./words.js";

const DRAFT = { target: "draft-2020-12" };

/** Reads a type: `{ jsonSchema, check }`, or throws what is wrong with it as a text. */
export function contractOf(given) {
  if (isStandard(given)) return { jsonSchema: schemaOfStandard(given), check: (value) => checked(given, value) };
  if (!isObject(given) || Array.isArray(given)) throw "expected a JSON Schema, or a schema of zod, valibot or arktype";
  if (isStandard(given.schema)) return { jsonSchema: given.jsonSchema ?? schemaOfStandard(given.schema), check: (value) => checked(given.schema, value) };
  return { jsonSchema: given, check: undefined };
}

/** Whether it is a Standard Schema value: an object, or with arktype a function. */
const isStandard = (value) => (isObject(value) || typeof value === "function") && typeof value["~standard"]?.validate === "function";

/** What is written is what the schema takes: its input. */
function schemaOfStandard(value) {
  const { vendor, jsonSchema } = value["~standard"];
  const convert = WAYS.find((way) => way.is(value, jsonSchema))?.convert;
  if (!convert) throw `${vendor} tells no JSON Schema: ${vendor === "valibot" ? "pass toStandardJsonSchema(schema) of @valibot/to-json-schema, or" : "pass"} { schema, jsonSchema }`;
  try {
    return convert(value, jsonSchema);
  } catch (error) {
    throw `${vendor} can't tell its JSON Schema: ${error?.message ?? error}`;
  }
}

/** The ways to a JSON Schema: that of the Standard JSON Schema spec, and those from before it. */
const WAYS = [
  { is: (_, jsonSchema) => typeof jsonSchema?.input === "function", convert: (_, jsonSchema) => jsonSchema.input(DRAFT) },
  { is: ({ toJSONSchema }) => typeof toJSONSchema === "function", convert: (value) => value.toJSONSchema({ io: "input" }) },
  { is: ({ toJsonSchema }) => typeof toJsonSchema === "function", convert: (value) => value.toJsonSchema() },
];

/** What the schema itself says of a value: `{ value }` or `{ errors }`. */
async function checked(schema, value) {
  const { issues, value: output } = await schema["~standard"].validate(value);
  return issues ? { errors: issues.map(problemOf) } : { value: output };
}

function problemOf({ message, path = [] }) {
  const keys = [...path].map((part) => (isObject(part) ? part.key : part));
  return { path: keys.reduce((all, key) => below(all, typeof key === "symbol" ? String(key) : key), "$"), message };
}

/** Whether a value is as its contract has it, as it stands: `{ value }` or `{ errors }`. */
export async function fulfils({ jsonSchema, check }, value) {
  if (check) return check(value);
  const { errors } = fit(value, jsonSchema, { exact: true });
  return errors.length ? { errors } : { value };
}
