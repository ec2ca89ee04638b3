// Whether a value fits a JSON Schema, with every problem and its path: the words of draft 2020-12 that say what a value
// looks like. Formats are notes; words that are not known here say nothing.
//
// What a model has answered is read kindly: a text that says a number is that number, what was not asked for is left out.

import { asType, isOfType, isSame, meant } from "./convert.js";
import { isObject, resolve } from "./references.js";
import { below, counted, found, namesOf } from "./words.js";

const DEEPEST = 200;

/**
 * `{ value, errors, changed }`: the value as the schema has it, each `{ path, message }` that is wrong with it, and whether
 * it had to be changed. With `exact` nothing is changed.
 */
export function fit(value, schema, { exact = false } = {}) {
  return new Fitting(schema, exact).at(value, schema, "$", 0);
}

class Fitting {
  constructor(root, exact) {
    [this.root, this.exact] = [root, exact];
  }

  at(value, schema, path, depth) {
    const state = { value, errors: [], changed: false, path, depth: depth + 1 };
    if (schema === false || depth > DEEPEST) state.errors.push({ path, message: schema === false ? "is not allowed" : "is too deep" });
    else if (isObject(schema)) this.#all(state, schema);
    return { value: state.value, errors: state.errors, changed: state.changed };
  }

  #all(state, schema) {
    if (typeof schema.$ref === "string") this.#through(state, resolve(schema.$ref, this.root));
    for (const part of listOf(schema.allOf)) this.#through(state, part);
    if (schema.anyOf) this.#best(state, schema.anyOf);
    if (schema.oneOf) this.#best(state, schema.oneOf, this.exact);
    if (!this.#isOfType(state, schema)) return;
    this.#isOneOf(state, schema);
    if (typeof state.value === "number") check(state, numberProblems(state.value, schema));
    if (typeof state.value === "string") check(state, textProblems(state.value, schema));
    if (Array.isArray(state.value)) this.#items(state, schema);
    else if (isObject(state.value)) this.#members(state, schema);
  }

  /** Fits it to one more schema. */
  #through(state, schema) {
    this.#take(state, this.at(state.value, schema, state.path, state.depth));
  }

  #take(state, { value, errors, changed }) {
    state.value = value;
    state.errors.push(...errors);
    state.changed ||= changed;
  }

  /** Fits it to the alternative that has the least against it; one that it fits as it is comes first. */
  #best(state, alternatives, alone = false) {
    const tried = alternatives.map((schema) => this.at(state.value, schema, state.path, state.depth));
    const rank = ({ errors, changed }) => errors.length * 2 + (changed ? 1 : 0);
    const best = tried.reduce((best, one) => (rank(one) < rank(best) ? one : best));
    const fitting = tried.filter(({ errors }) => errors.length === 0).length;
    if (alone && fitting > 1) state.errors.push({ path: state.path, message: `fits ${fitting} alternatives, and must fit one` });
    this.#take(state, best);
  }

  #isOfType(state, { type }) {
    const types = type === undefined ? undefined : listOf(type);
    if (!types) return true;
    this.#changeTo(state, this.exact ? state.value : asType(state.value, types));
    if (isOfType(state.value, types)) return true;
    check(state, [`expected ${namesOf(types)}, found ${found(state.value)}`]);
    return false;
  }

  #isOneOf(state, schema) {
    const values = "const" in schema ? [schema.const] : schema.enum;
    if (!values) return;
    if (!this.exact) this.#changeTo(state, meant(state.value, values));
    if (values.some((one) => isSame(one, state.value))) return;
    const wanted = values.map((one) => JSON.stringify(one)).join(", ");
    check(state, [`expected ${"const" in schema ? "" : "one of "}${wanted}, found ${found(state.value)}`]);
  }

  #changeTo(state, value) {
    state.changed ||= value !== state.value;
    state.value = value;
  }

  #items(state, { prefixItems, items, minItems, maxItems, uniqueItems }) {
    const first = listOf(prefixItems);
    const before = state.value;
    const tried = before.map((item, index) => this.at(item, first[index] ?? items, below(state.path, index), state.depth));
    for (const { errors, changed } of tried) this.#take(state, { value: state.value, errors, changed });
    state.value = tried.map(({ value }) => value);
    const count = before.length;
    if (count < minItems) check(state, [`expected at least ${counted(minItems, "item")}, found ${count}`]);
    if (count > maxItems) check(state, [`expected at most ${counted(maxItems, "item")}, found ${count}`]);
    const twice = uniqueItems && before.some((item, index) => before.slice(0, index).some((other) => isSame(item, other)));
    if (twice) check(state, ["expected no two items alike"]);
  }

  #members(state, schema) {
    const [members, required] = [Object.entries(state.value), listOf(schema.required)];
    const kept = [];
    for (const [name, value] of members) {
      const result = this.#member(state, schema, name, value, required.includes(name));
      state.errors.push(...result.errors);
      state.changed ||= result.changed;
      if (!result.isLeftOut) kept.push([name, result.value]);
    }
    for (const name of required) if (!Object.hasOwn(state.value, name)) state.errors.push({ path: below(state.path, name), message: "is missing" });
    state.value = Object.fromEntries(kept);
  }

  #member(state, schema, name, value, isRequired) {
    const path = below(state.path, name);
    const { properties = {}, patternProperties = {}, additionalProperties } = schema;
    const known = Object.hasOwn(properties, name) ? [properties[name]] : [];
    for (const [pattern, one] of Object.entries(patternProperties)) if (matches(name, pattern)) known.push(one);
    if (!known.length && additionalProperties === false && !this.exact) return { errors: [], changed: true, isLeftOut: true };
    const tried = { value, errors: [], changed: false, path, depth: state.depth };
    for (const one of known.length ? known : [additionalProperties]) this.#through(tried, one);
    // Servers that want every member to be there get `null` for those that are not.
    const isAbsent = value === null && !isRequired && !this.exact && tried.errors.length > 0;
    return isAbsent ? { errors: [], changed: true, isLeftOut: true } : tried;
  }
}

function check(state, messages) {
  for (const message of messages) state.errors.push({ path: state.path, message });
}

function numberProblems(number, { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }) {
  const problems = [];
  if (number < minimum) problems.push(`expected at least ${minimum}, found ${number}`);
  if (number > maximum) problems.push(`expected at most ${maximum}, found ${number}`);
  if (number <= exclusiveMinimum) problems.push(`expected more than ${exclusiveMinimum}, found ${number}`);
  if (number >= exclusiveMaximum) problems.push(`expected less than ${exclusiveMaximum}, found ${number}`);
  if (multipleOf > 0 && !isMultiple(number, multipleOf)) problems.push(`expected a multiple of ${multipleOf}, found ${number}`);
  return problems;
}

/** Whether it is one but for what binary fractions lose: 0.3 is three times 0.1. */
function isMultiple(number, of) {
  const times = number / of;
  return Math.abs(times - Math.round(times)) <= Math.abs(times) * Number.EPSILON;
}

function textProblems(text, { minLength, maxLength, pattern }) {
  const problems = [];
  const length = minLength === undefined && maxLength === undefined ? 0 : [...text].length;
  if (length < minLength) problems.push(`expected at least ${counted(minLength, "character")}, found ${length}`);
  if (length > maxLength) problems.push(`expected at most ${counted(maxLength, "character")}, found ${length}`);
  if (pattern !== undefined && !matches(text, pattern)) problems.push(`expected a text like /${pattern}/, found ${found(text)}`);
  return problems;
}

/** Whether a text matches a pattern; one that is none of JavaScript's says nothing. */
function matches(text, pattern) {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

const listOf = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
