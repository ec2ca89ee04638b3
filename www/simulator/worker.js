// Plays scenarios beside the page, which stays responsive.

import { ScenarioError, simulate, withoutKeys } from "../dist/simulate.js";

const TASKS = { simulate, withoutKeys };

addEventListener("message", ({ data: { id, task, scenario } }) => {
  const started = performance.now();
  try {
    const result = TASKS[task](scenario);
    postMessage({ id, result, took: (performance.now() - started) / 1000 });
  } catch (error) {
    const problems = error instanceof ScenarioError ? error.problems : [{ path: "", message: String(error) }];
    postMessage({ id, problems });
  }
});
