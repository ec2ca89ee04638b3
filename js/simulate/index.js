// The simulator: an engine of its own, started when it is first used.
import { initSync, simulate as play, withoutKeys as strip } from "lockkeeper-simulator";
import { binary } from "../entries/parts/inlined.js";

let isStarted = false;

/** A scenario that cannot be played: `problems` says everything that is wrong with it. */
export class ScenarioError extends Error {
  constructor(problems) {
    const lines = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message));
    super(lines.length > 1 ? `${lines.length} problems:\n  ${lines.join("\n  ")}` : lines[0]);
    this.problems = problems;
  }
}
ScenarioError.prototype.name = "ScenarioError";

/** Scenarios and reports cross the border as JSON, and so do mistakes. */
function ask(question, scenario) {
  if (!isStarted) initSync({ module: binary() });
  isStarted = true;
  let answer;
  try {
    answer = question(JSON.stringify(scenario) ?? "null");
  } catch (error) {
    throw typeof error === "string" ? new ScenarioError(JSON.parse(error)) : error;
  }
  return JSON.parse(answer);
}

export const simulate = (scenario) => ask(play, scenario);
export const withoutKeys = (scenario) => ask(strip, scenario);
