// What the model is told: short and concrete, as small models read little.

import { exampleOf } from "./example.js";
import { ANSWER } from "./strategies.js";
import { told } from "./words.js";

const TEMPLATE = /\{\{([A-Za-z_$][\w$]*)\}\}|\{([A-Za-z_$][\w$]*)\}/g;
const MOST_ERRORS = 20;

/** The names in a description that stand for arguments: `{name}`; `{{name}}` is a text. */
export const templateNames = (description) => [...description.matchAll(TEMPLATE)].flatMap(([, , name]) => name ?? []);

/** The description with the arguments in their places. */
export function instruction(description, args) {
  const written = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
  return description.replace(TEMPLATE, (_, literal, name) => (literal ? `{${literal}}` : written(args[name])));
}

/** What the answer must look like, in words; nothing for texts. */
export function form(strategy, wire) {
  if (strategy === "text") return "";
  if (strategy === "json_schema") return "Answer with JSON that fits the schema, and nothing else.";
  if (strategy === "tool") return `Give your answer by calling \`${ANSWER}\`.`;
  return `Answer with JSON alone, without explanation. ${fitting(wire)}\nFor example:\n${JSON.stringify(exampleOf(wire.schema))}`;
}

/** The same for a model that may use tools first. */
export const formAfterTools = (wire) => `Use the tools that you need. Then give your answer by calling \`${ANSWER}\`, or as JSON alone. ${fitting(wire)}`;

const fitting = ({ schema }) => `It must fit this JSON Schema:\n${JSON.stringify(schema)}`;

/** What is asked: the arguments by name. */
export function question(args) {
  const entries = Object.entries(args);
  if (!entries.length) return "Answer now.";
  const [[name, value]] = entries;
  return entries.length === 1 && typeof value === "string" ? `${name}:\n${value}` : JSON.stringify(args);
}

/** Shows the model its own answer, and what is wrong with it. */
export function repairTurn(said, errors, strategy, wire) {
  const lines = errors.slice(0, MOST_ERRORS).map((error) => `- ${told(error)}`);
  const isNew = strategy === "json_schema" || strategy === "tool"; // the others were told
  const wish = strategy === "text" ? "Answer again." : `Answer again with the corrected JSON only.${isNew ? ` ${fitting(wire)}` : ""}`;
  const answer = said.trim() === "" ? "(no answer)" : said; // some chat templates want turns to alternate
  return [{ role: "assistant", content: answer }, { role: "user", content: `That answer is wrong:\n${lines.join("\n")}\n${wish}` }];
}
