// What the form is made of: fields with their labels, and what is wrong beside each.

import { make } from "../dom.js";
import { Wrong } from "./engine.js";

const idOf = (path) => `sim-${path.replaceAll(".", "-")}`;

/** A label that belongs to an input. */
export function labelFor(input, text) {
  const label = make("label", "", text);
  label.htmlFor = input.id;
  return label;
}

/** What is wrong with a field: hidden until something is. */
function problemOf(input) {
  const problem = make("p", "problem");
  Object.assign(problem, { id: `${input.id}-problem`, hidden: true });
  input.setAttribute("aria-describedby", problem.id);
  return problem;
}

/** A field for a provider.json. */
export function config(name) {
  const area = make("textarea", "code");
  Object.assign(area, { id: `sim-config-${name}`, rows: 9, spellcheck: false, autocomplete: "off" });
  const label = labelFor(area, `provider.json, ${name.toUpperCase()}`);
  const problem = problemOf(area);
  const read = () => {
    try {
      return JSON.parse(area.value);
    } catch (error) {
      throw new Wrong([{ path: "provider", message: `is not JSON: ${error.message}`, config: name }]);
    }
  };
  return { area, label, problem, read, element: make("div", "field", label, area, problem) };
}

/** A group of fields, which it adds to `inputs` by their paths. */
export function group({ title, fields }, inputs) {
  const element = make("fieldset", "", make("legend", "", title));
  for (const field of fields) {
    const input = inputOf(field);
    const problem = problemOf(input);
    const label = labelFor(input, field.unit ? `${field.label}, ${field.unit}` : field.label);
    const isCheck = field.type === "checkbox";
    const row = make("div", `${isCheck ? "check" : "field"}${field.isWide ? " wide" : ""}`, ...(isCheck ? [input, label] : [label, input]), problem);
    inputs.set(field.path, { element: row, input, problem });
    element.append(row);
  }
  return element;
}

function inputOf({ path, type, options, min, max, step, placeholder = "" }) {
  if (type === "select") {
    const select = make("select", "", ...Object.entries(options).map(([value, text]) => new Option(text, value)));
    select.id = idOf(path);
    return select;
  }
  const input = make("input");
  Object.assign(input, { id: idOf(path), type, placeholder });
  if (type === "number") Object.assign(input, { min, max: max ?? "", step });
  return input;
}

/** What only the form can know: what is no number at all, and shares that are shown as percent. */
export function mistake({ path, percent }, input) {
  if (input.validity.badInput) return [{ path, message: "is not a number" }];
  return percent && !input.validity.valid ? [{ path, message: "must be from 0 to 100" }] : [];
}

/** What a scenario says of it. */
export function valueOf({ type, usual, percent }, input) {
  if (type === "checkbox") return input.checked;
  if (type === "select") return input.value;
  if (input.value === "") return usual;
  if (type === "text") return input.value.trim();
  // A share, without what binary fractions add.
  return percent ? Number((input.valueAsNumber / 100).toFixed(9)) : input.valueAsNumber;
}

/** Shows what a scenario says of it. */
export function setValue({ type, percent }, input, value) {
  if (type === "checkbox") input.checked = value;
  else input.value = percent ? Number((value * 100).toFixed(7)) : value ?? "";
}
