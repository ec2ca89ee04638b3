// The fields of a scenario beside its provider.json: one table, from which the form is made, filled and read.

const isShape = (...shapes) => ({ "traffic.shape": shape }) => shapes.includes(shape);
const hasRequests = (values) => values["limits.requests"] !== "";
const byRate = isShape("constant", "poisson");
const together = isShape("burst", "at_once");

const number = (path, label, usual, more = {}) => ({ path, label, usual, type: "number", min: 0, step: "any", ...more });
const whole = (path, label, usual, more = {}) => number(path, label, usual, { min: 1, step: 1, ...more });
const choice = (path, label, options, more = {}) => ({ path, label, options, usual: Object.keys(options)[0], type: "select", ...more });
const percent = (path, label) => number(path, label, 0, { max: 100, percent: true, unit: "%" });

export const GROUPS = [
  {
    title: "Traffic",
    fields: [
      { path: "model", label: "Calls go to", type: "text", usual: undefined, placeholder: "provider/model; the first, if empty", isWide: true },
      choice("traffic.shape", "Calls come", { constant: "evenly", poisson: "at random", burst: "in bursts", at_once: "all at once" }),
      number("traffic.rate", "Calls per second", 10, { shows: byRate }),
      whole("traffic.calls", "Calls together", 100, { shows: together }),
      number("traffic.every", "A burst every", 60, { unit: "s", shows: isShape("burst") }),
      number("duration", "For", 3600, { unit: "s", shows: isShape("constant", "poisson", "burst") }),
      whole("traffic.input_tokens", "LLM tokens sent", 500),
      whole("traffic.output_tokens", "LLM tokens answered", 100),
      { path: "traffic.stream", label: "Streamed answers", type: "checkbox", usual: true },
    ],
  },
  {
    title: "Provider",
    fields: [
      number("service.latency", "First token after", 0.5, { unit: "s" }),
      number("service.tokens_per_second", "LLM tokens per second", 100),
      number("limits.requests", "Grants requests", null, { min: 1, placeholder: "any number" }),
      number("limits.per", "per", 1, { unit: "s", shows: hasRequests }),
      choice("limits.counting", "Counted by", { bucket: "a bucket", window: "windows" }, { shows: hasRequests }),
      number("limits.capacity", "At once", null, { min: 1, placeholder: "as many", shows: (values) => hasRequests(values) && values["limits.counting"] === "bucket" }),
      number("limits.tokens_per_minute", "LLM tokens a minute", null, { min: 1, placeholder: "any number" }),
      choice("limits.scope", "Limits are of", { key: "each key", account: "all keys" }),
      choice("limits.tells", "What it tells", { all: "its limits, and when to retry", headers: "its limits", retry_after: "when to retry", nothing: "nothing" }, { isWide: true }),
    ],
  },
  {
    title: "Faults",
    fields: [
      percent("faults.429", "429, refused"),
      percent("faults.500", "500, fails"),
      percent("faults.503", "503, overloaded"),
      percent("faults.silence", "Silence"),
      percent("faults.cut", "Cut answers"),
      whole("faults.dead_keys", "Dead keys", 0, { min: 0 }),
      whole("seed", "Seed of chance", 1, { min: 0 }),
    ],
  },
];

export const FIELDS = GROUPS.flatMap(({ fields }) => fields);

/** A value of a scenario, by the path of its field. */
export function valueAt(scenario, path) {
  return path.split(".").reduce((part, name) => part?.[name], scenario);
}

/** The scenario of these values by path: what is as usual is left out. */
export function scenarioOf(values) {
  const scenario = {};
  for (const { path, usual } of FIELDS) {
    if (values[path] === usual || values[path] === undefined) continue;
    const names = path.split(".");
    const last = names.pop();
    const part = names.reduce((part, name) => (part[name] ??= {}), scenario);
    part[last] = values[path];
  }
  return scenario;
}
