// An error with all that it says, as a card.

import { count, make, seconds } from "../dom.js";

const FIELDS = [
  ["kind", "Kind"],
  ["status", "HTTP status"],
  ["code", "Provider's code"],
  ["requestId", "Request id"],
  ["clock", "Clock"],
  ["keyLabel", "Last key"],
];

/** What else there is to know of a kind of error, here. */
const HINTS = {
  connection: "A browser does not tell a page more. The service may be out of reach, or it does not let pages of other origins ask it (CORS).",
};

export function failureCard(error) {
  const facts = FIELDS.filter(([name]) => error[name] !== undefined).map(([name, words]) => [words, error[name]]);
  if (error.retryAt) facts.push(["May succeed at", error.retryAt.toLocaleTimeString("en-GB")]);
  if (error.usage) facts.push(["It cost", count(error.usage.total_tokens, "LLM token") + (error.usage.estimated ? ", estimated" : "")]);
  if (error.partial?.text) facts.push(["Before it failed", `${error.partial.text.length} characters, kept above`]);
  const rows = facts.map(([words, value]) => make("div", "", make("dt", "", words), make("dd", "", String(value))));
  const card = make("div", "failure", make("p", "", make("strong", "", error.name), `: ${error.message}`), make("dl", "", ...rows));
  if (HINTS[error.kind]) card.children[0].after(make("p", "", HINTS[error.kind]));
  if (error.attempts?.length) card.append(attempts(error.attempts));
  return card;
}

function attempts(list) {
  const items = list.map((attempt) => {
    const status = attempt.status ? ` (${attempt.status})` : "";
    const times = `at ${seconds(attempt.startedAfter)}, took ${seconds(attempt.took)}`;
    return make("li", "", make("code", "", attempt.keyLabel), ` ${attempt.kind}${status}, ${times}`);
  });
  return make("details", "", make("summary", "", count(list.length, "attempt")), make("ol", "", ...items));
}
