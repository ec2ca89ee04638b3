// How a value is asked for: the surest way first that a server takes. What it refuses is remembered for that client and
// model, and not asked again.

const ORDER = ["json_schema", "tool", "json_object", "prompt"];
const MOST_UNHEARD = 2;
const REFUSED_BY = [400, 404, 422, 501];
const NAMED = /response_format|json_schema|json_object|tool_choice|\btools?\b|\bfunctions?\b|not supported|unsupported/i;
const OF_THE_SCHEMA = /invalid schema/i;

/** The tool that an answer is given with. */
export const ANSWER = "answer";

const known = new WeakMap();

/** What is known of how to ask this model of this interface. */
export function experienceOf(llm, model = llm.modelInfo?.model ?? llm.model ?? "") {
  if (!known.has(llm)) known.set(llm, new Map());
  const ofModels = known.get(llm);
  if (!ofModels.has(model)) ofModels.set(model, new Experience());
  return ofModels.get(model);
}

class Experience {
  #refused = new Set();
  #unheard = {};

  /** The way to ask next, but for those `without`: the surest that is neither refused nor goes unheard. */
  next(without) {
    const open = ORDER.filter((strategy) => !this.#refused.has(strategy) && !without.has(strategy));
    return open.find((strategy) => !(this.#unheard[strategy] >= MOST_UNHEARD)) ?? "prompt";
  }

  refused(strategy) {
    this.#refused.add(strategy);
  }

  /** Whether an answer had any JSON in it: prose twice in a row says that this is not the way. */
  answered(strategy, hasJson) {
    this.#unheard[strategy] = hasJson ? 0 : (this.#unheard[strategy] ?? 0) + 1;
  }
}

/** Whether the server refuses the way that it is asked, and, if so, for what: `"always"`, or `"schema"` for this type. */
export function refusalIn(error, strategy) {
  const text = `${error?.message} ${error?.code ?? ""}`;
  const isRefusal = strategy !== "prompt" && (REFUSED_BY.includes(error?.status) || error?.kind === "invalid_request") && NAMED.test(text);
  return isRefusal ? (OF_THE_SCHEMA.test(text) ? "schema" : "always") : undefined;
}

/** The options of a request that asks this way. */
export function optionsOf(strategy, { schema, strict, name }) {
  if (strategy === "json_schema") return { response_format: { type: "json_schema", json_schema: { name, schema, strict } } };
  if (strategy === "json_object") return { response_format: { type: "json_object" } };
  if (strategy === "tool") return { tools: [answerTool(schema)], tool_choice: { type: "function", function: { name: ANSWER } } };
  return {};
}

/** The tool whose arguments are the answer. */
export const answerTool = (schema) => ({
  type: "function",
  function: { name: ANSWER, description: "Gives the answer.", parameters: schema },
});
