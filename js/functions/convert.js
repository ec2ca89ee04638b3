// Values of the wrong type that say the right thing all the same: `"12"` where a number is wanted.

import { typeOf } from "./words.js";

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const BOOLEANS = { true: true, false: false };

/** Whether a value is of one of these types. */
export function isOfType(value, types) {
  const type = typeOf(value);
  return types.includes(type) || (types.includes("integer") && Number.isInteger(value));
}

/** The same as a value of one of these types, where nothing is lost by that; else as it is. */
export function asType(value, types) {
  if (isOfType(value, types)) return value;
  if (typeof value === "string") return types.map((type) => fromText(value.trim(), type)).find((one) => one !== undefined) ?? nullOf(value, types);
  const isPlain = typeof value === "number" || typeof value === "boolean";
  return isPlain && types.includes("string") ? String(value) : value;
}

function fromText(text, type) {
  if (type === "boolean") return BOOLEANS[text.toLowerCase()];
  const isNumber = (type === "number" || type === "integer") && JSON_NUMBER.test(text);
  const number = isNumber ? Number(text) : undefined;
  return type === "integer" && !Number.isInteger(number) ? undefined : number;
}

const nullOf = (text, types) => (types.includes("null") && ["null", "none"].includes(text.trim().toLowerCase()) ? null : text);

/** The one of these values that is meant: a text may differ in case and in blanks around it, and be a number's. */
export function meant(value, values) {
  if (typeof value === "object" || values.some((one) => isSame(one, value))) return value;
  const plain = (one) => String(one).trim().toLowerCase();
  const found = values.find((one) => typeof one !== "object" && plain(one) === plain(value));
  return found === undefined ? value : found;
}

/** Whether two JSON values are the same. */
export function isSame(left, right) {
  if (left === right) return true;
  if (typeOf(left) !== typeOf(right) || typeof left !== "object" || left === null) return false;
  const [names, others] = [Object.keys(left), Object.keys(right)];
  return names.length === others.length && names.every((name) => Object.hasOwn(right, name) && isSame(left[name], right[name]));
}
