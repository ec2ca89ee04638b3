// Scenarios and their reports: the same cases as the library's own, in tests/simulation.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { ScenarioError, simulate, withoutKeys } from "lockkeeper/simulate";

const EVERY = 40; // of a series the file holds each point of this number
const cases = JSON.parse(readFileSync(new URL("../simulation/cases.json", import.meta.url), "utf8"));

for (const { name, scenario, outcome } of cases) {
  test(name, () => assert.deepEqual(outcomeOf(scenario), outcome));
}

function outcomeOf(scenario) {
  try {
    const { series, ...report } = simulate(scenario);
    const thinned = Object.entries(series).map(([name, list]) => [name, list.filter((_, at) => at % EVERY === 0)]);
    return { ...report, series: Object.fromEntries(thinned) };
  } catch (error) {
    assert.ok(error instanceof ScenarioError, String(error.stack));
    return { problems: error.problems.map(({ path, message }) => [path, message]) };
  }
}

const entry = (settings) => ({ openai: { "gpt-4": settings } });

test("an hour of traffic takes seconds at most", () => {
  const provider = entry({ api_keys: 4, rate_limit_capacity: 20, rate_limit_refill_rate: 12 });
  const started = performance.now();
  const report = simulate({ provider, traffic: { shape: "poisson", rate: 10 }, limits: { requests: 3 } });
  const took = performance.now() - started;
  assert.ok(report.calls > 35_000 && report.succeeded === report.calls);
  // A second is what is promised, on a machine that has nothing else to do.
  assert.ok(took < 10_000, `${took} ms`);
});

test("no key leaves a trace", () => {
  const scenario = { provider: entry({ api_keys: ["sk-secret-1", "$SECRET", "sk-secret-1"], headers: { "x-key": "sk-secret-2" } }), duration: 1 };
  const shown = withoutKeys(scenario);
  assert.deepEqual(shown.provider, entry({ api_keys: 2, headers: { "x-key": "hidden" } }));
  const report = simulate(scenario);
  assert.deepEqual(report.keys.map(({ label }) => label), ["…0001", "…0002"]);
  assert.doesNotMatch(JSON.stringify([shown, report]), /secret/i);
  assert.deepEqual(simulate(shown), report);
  const wrong = { provider: entry({ api_keys: ["sk-secret-1", ""] }) };
  assert.throws(() => simulate(wrong), (error) => error.problems.length === 1 && !/secret/.test(error.message));
});

test("what is no scenario is an error that says so", () => {
  for (const wrong of [undefined, null, 5, "x", [], {}]) assert.throws(() => simulate(wrong), ScenarioError);
  assert.throws(() => simulate({ provider: {} }), { name: "ScenarioError", problems: [{ path: "provider", message: "names no model" }] });
});
