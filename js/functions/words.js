// How problems of values are said, and where they stand.

const LONGEST = 40; // characters of a text that is quoted
const NAMES = {
  number: "a number",
  integer: "an integer",
  string: "a string",
  boolean: "true or false",
  null: "null",
  array: "a list",
  object: "an object",
};

/** The names of JSON Schema's types, for people. */
export const namesOf = (types) => types.map((type) => NAMES[type] ?? type).join(" or ");

/** The type of a JSON value, by JSON Schema's names; whole numbers are `number`, too. */
export const typeOf = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** What was found in place of what was expected. */
export function found(value) {
  const type = typeOf(value);
  if (type === "array" || type === "object") return NAMES[type];
  if (type !== "string") return String(value);
  const characters = [...value];
  return JSON.stringify(characters.length > LONGEST ? `${characters.slice(0, LONGEST).join("")}…` : value);
}

/** The path of a member or an item. */
export function below(path, key) {
  if (typeof key === "number") return `${path}[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

/** A problem in one line. */
export const told = ({ path, message }) => `${path}: ${message}`;

/** So many of these. */
export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
