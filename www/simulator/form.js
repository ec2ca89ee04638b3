// The form: provider.json, one or two of them, and the fields of a scenario.

import { make } from "../dom.js";
import { Wrong } from "./engine.js";
import { FIELDS, GROUPS, scenarioOf, valueAt } from "./fields.js";
import { config, group, labelFor, mistake, setValue, valueOf } from "./inputs.js";

const MOST_ROWS = 14;
const SLACK = 1e-7; // percent: what binary fractions add

/** A form in `element`. */
export class Form {
  #element;
  #a = config("a");
  #b = config("b");
  #compare = Object.assign(make("input"), { type: "checkbox", id: "sim-compare" });
  #inputs = new Map(); // by path: { element, input, problem }

  constructor(element) {
    this.#element = element;
    const comparing = make("div", "check", this.#compare, labelFor(this.#compare, "Compare with other settings"));
    element.append(this.#a.element, comparing, this.#b.element, ...GROUPS.map((each) => group(each, this.#inputs)));
    element.addEventListener("input", () => this.#arrange());
  }

  /** Its state: `a`, a scenario, and with a comparison `b`, a provider.json. Throws `Wrong`. */
  read() {
    const problems = this.#mistakes();
    if (problems.length > 0) throw new Wrong(problems);
    const values = Object.fromEntries(FIELDS.map((field) => [field.path, valueOf(field, this.#inputOf(field))]));
    const state = { a: { provider: this.#a.read(), ...scenarioOf(values) } };
    if (this.#compare.checked) state.b = this.#b.read();
    return state;
  }

  /** Shows a state. */
  fill({ a: scenario, b: other }) {
    this.#compare.checked = other !== undefined;
    for (const [{ area }, provider] of [[this.#a, scenario.provider], [this.#b, other ?? scenario.provider]]) {
      area.value = JSON.stringify(provider, null, 2);
      area.rows = Math.min(area.value.split("\n").length, MOST_ROWS);
    }
    for (const field of FIELDS) setValue(field, this.#inputOf(field), valueAt(scenario, field.path) ?? field.usual);
    this.#arrange();
    this.show([]);
  }

  /** Says beside each field what is wrong with it: `{ path, message, config }`. Gives back what has no field. */
  show(problems) {
    const texts = new Map([this.#a, this.#b, ...this.#inputs.values()].map((field) => [field, []]));
    const left = [];
    for (const { path, message, config } of problems) {
      const inProvider = /^provider\b\.?(.*)$/.exec(path);
      const field = inProvider ? (config === "b" ? this.#b : this.#a) : this.#inputs.get(path);
      const place = field ? inProvider?.[1] : path;
      (texts.get(field) ?? left).push(place ? `${place}: ${message}` : message);
    }
    for (const [{ area, input = area, problem }, lines] of texts) tell(input, problem, lines);
    this.#element.querySelector('[aria-invalid="true"]')?.focus();
    return left;
  }

  #inputOf({ path }) {
    return this.#inputs.get(path).input;
  }

  #mistakes() {
    const problems = FIELDS.flatMap((field) => mistake(field, this.#inputOf(field)));
    const shares = FIELDS.filter(({ percent }) => percent).reduce((sum, field) => sum + Number(this.#inputOf(field).value), 0);
    if (shares > 100 + SLACK) problems.push({ path: "", message: "The faults are more than 100 % all together." });
    return problems;
  }

  /** Shows what matters to what is chosen. */
  #arrange() {
    this.#b.element.hidden = !this.#compare.checked;
    this.#a.label.textContent = this.#compare.checked ? "provider.json, A" : "provider.json";
    const values = Object.fromEntries([...this.#inputs].map(([path, { input }]) => [path, input.value]));
    for (const { path, shows } of FIELDS) this.#inputs.get(path).element.hidden = shows ? !shows(values) : false;
  }
}

function tell(input, problem, texts) {
  problem.textContent = texts.join("\n");
  problem.hidden = texts.length === 0;
  input.setAttribute("aria-invalid", texts.length > 0);
}
