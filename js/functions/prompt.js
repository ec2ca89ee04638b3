// What the model is told: short and concrete, as small models read little, and what they read last best.

import { sketchOf } from "./sketch.js";
import { ANSWER } from "./strategies.js";
import { told } from "./words.js";

const TEMPLATE = /\{\{([A-Za-z_$][\w$]*)\}\}|\{([A-Za-z_$][\w$]*)\}/g;
const MOST_ERRORS = 20;

/** The names in a description that stand for arguments: `{name}`; `{{name}}` is a text. */
export const templateNames = (description) => [...description.matchAll(TEMPLATE)].flatMap(([, , name]) => name ?? []);

/** The description with the arguments in their places. */
function instruction(description, args) {
  const written = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
  return description.replace(TEMPLATE, (_, literal, name) => (literal ? `{${literal}}` : written(args[name])));
}

/** How to answer where the server sees to the form; nothing for texts. */
const MANNERS = {
  json_schema: "Answer with JSON that fits the schema, and nothing else.",
  tool: `Give your answer by calling \`${ANSWER}\`.`,
};

/** What is asked for: the description with its arguments, and how to answer. With tools the model may use these first. */
export function task(description, args, strategy, wire, hasTools) {
  const how = wire && hasTools ? `Use the tools that you need. Then give your answer by calling \`${ANSWER}\`, or as ${form(wire)}` : MANNERS[strategy];
  return [instruction(description, args), how].filter((part) => part).join("\n\n");
}

/** Whether the form and its example are said with the question itself. */
export const isSaid = (strategy) => strategy === "json_object" || strategy === "prompt";

/** The question, and the form of the answer where words alone can say it. */
export function question(args, strategy, wire) {
  return isSaid(strategy) ? `${questionOf(args)}\n\nAnswer with ${form(wire)}` : questionOf(args);
}

/** A form to be filled in, not a JSON Schema: small models copy that in place of an answer. */
const form = ({ schema, example }) => `JSON alone, in this form:\n${sketchOf(schema)}\nFor example: ${JSON.stringify(example)}`;

/** What is asked: the arguments by name. */
function questionOf(args) {
  const entries = Object.entries(args);
  if (!entries.length) return "Answer now.";
  const [[name, value]] = entries;
  return entries.length === 1 && typeof value === "string" ? `${name}:\n${value}` : JSON.stringify(args);
}

/** Shows the model its own answer, and what is wrong with it. */
export function repairTurn(said, errors, wire) {
  const lines = errors.slice(0, MOST_ERRORS).map((error) => `- ${told(error)}`);
  const wish = wire ? `Answer again with the corrected ${form(wire)}` : "Answer again.";
  const answer = said.trim() === "" ? "(no answer)" : said; // some chat templates want turns to alternate
  return [{ role: "assistant", content: answer }, { role: "user", content: `That answer is wrong:\n${lines.join("\n")}\n${wish}` }];
}
