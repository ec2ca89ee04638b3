// What users' programs do with the types of the simulator. Compiled, never run.

import { simulate, withoutKeys, ScenarioError, type Report, type Scenario } from "lockkeeper/simulate";

const scenario: Scenario = {
  provider: { openai: { "gpt-4": { api_keys: 4 } } },
  traffic: { shape: "poisson", rate: 5 },
  limits: { requests: null, tells: "retry_after" },
  faults: { "429": 0.01, dead_keys: 1 },
};
// @ts-expect-error: no such shape
scenario.traffic = { shape: "tide" };
// @ts-expect-error: what is to be simulated must be said
simulate({});

try {
  const report: Report = simulate(withoutKeys(scenario));
  const { p50, p95, p99 }: Record<"p50" | "p95" | "p99", number> = report.waits.total;
  console.log(p50, p95, p99, report.failures["truncated"] ?? 0, report.series.time.at(-1));
} catch (error) {
  if (error instanceof ScenarioError) for (const { path, message } of error.problems) console.log(path, message);
}
