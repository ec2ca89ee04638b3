// The simulator's tab in a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { scenarioOf, valueAt } from "../../www/simulator/fields.js";
import { duration, figure, moment, percent } from "../../www/simulator/words.js";
import { picture, until } from "./harness.mjs";
import { overhang, stage, violations } from "./stage.mjs";

const SIZES = [[360, 800], [768, 1024], [1440, 900]];
const it = stage();

async function show({ hash = "#simulator", ...options } = {}) {
  const page = await it.show({ hash, reducedMotion: "reduce", ...options });
  await played(page);
  return page;
}

const note = (page) => page.locator("#simulator .note").textContent();
const played = (page) => until(async () => /^Played in [\d.]+ s/.test(await note(page).catch(() => "")), "it is played", 30_000);
const verdicts = (page) => page.locator(".verdicts p").allTextContents();
const tab = (page) => page.locator("#simulator");
const config = (page) => tab(page).getByLabel("provider.json", { exact: true });

/** Plays anew, and waits for what comes of it. */
async function play(page) {
  await page.evaluate(() => (document.querySelector("#simulator .note").textContent = ""));
  await tab(page).getByRole("button", { name: "Play" }).click();
  await until(() => note(page), "it says something", 30_000);
}

/** Shows one of the examples. */
async function example(page, name) {
  await page.evaluate(() => (document.querySelector("#simulator .note").textContent = ""));
  await tab(page).getByRole("button", { name }).click();
  await played(page);
}

test("figures are written as people read them", () => {
  const times = [0, 0.0004, 0.306, 9.996, 99.94, 99.96, 119.7, 354.4, 3599.6, 3600, 3720, 90_000];
  const told = ["0 s", "0 s", "0.31 s", "10.0 s", "99.9 s", "1 min 40 s", "2 min", "5 min 54 s", "1 h", "1 h", "1 h 2 min", "25 h"];
  assert.deepEqual(times.map(duration), told);
  const shares = [[0, 0], [0, 9], [9, 9], [1, 36_586], [8999, 9000], [1, 3]];
  assert.deepEqual(shares.map(([part, all]) => percent(part, all)), ["–", "0 %", "100 %", "< 0.1 %", "99.9 %", "33.3 %"]);
  assert.deepEqual([0, 90, 900, 5400, 9000].map(moment), ["0", "90 s", "15 min", "90 min", "2.5 h"]);
  assert.deepEqual([0, 9.8765, 12_345.6].map(figure), ["0", "9.88", "12,346"]);
});

test("a scenario says only what is not as usual", () => {
  const values = { "traffic.shape": "burst", "traffic.rate": 10, duration: 3600, "faults.429": 0.25, "limits.requests": null };
  const scenario = scenarioOf(values);
  assert.deepEqual(scenario, { traffic: { shape: "burst" }, faults: { 429: 0.25 } });
  assert.deepEqual(["faults.429", "limits.per"].map((path) => valueAt(scenario, path)), [0.25, undefined]);
});

test("an hour is played at once, and told in figures and plots", async () => {
  const page = await show();
  assert.match((await verdicts(page)).join(), /^36,029 calls, [\d,]+ answered, \d+ failed, done after 1 h; at best 1 h\.$/);
  assert.equal(await page.locator(".first dt").count(), 4);
  assert.equal(await page.locator(".plot canvas").count(), 3);
  assert.deepEqual(await page.locator(".per-key tbody th").allTextContents(), ["…0001", "…0002", "…0003", "…0004"]);
  assert.deepEqual(it.shown.wrong, []);
});

test("what is chosen is what is played", async () => {
  const page = await show();
  await tab(page).getByLabel("Calls come").selectOption("at_once");
  assert.equal(await tab(page).getByLabel("Calls per second", { exact: true }).isVisible(), false, "a rate means nothing now");
  await tab(page).getByLabel("Calls together").fill("40");
  await tab(page).getByLabel("500, fails").fill("100");
  await play(page);
  assert.equal(await tab(page).getByRole("alert").textContent(), "The faults are more than 100 % all together.");
  for (const label of ["503, overloaded", "Cut answers", "Grants requests"]) await tab(page).getByLabel(label).fill("");
  await config(page).fill('{ "openai": { "gpt-4": { "api_keys": 2, "max_retries": 0 } } }');
  await play(page);
  assert.match((await verdicts(page)).join(), /^40 calls, 0 answered, 40 failed/);
  assert.equal(await tab(page).getByRole("row", { name: "… server" }).textContent(), "… server40");
});

test("mistakes stand beside what they are in", async () => {
  const page = await show();
  await config(page).fill('{ "openai": { "gpt-4": { "api_keys": 2, "retries": 1 } } }');
  await tab(page).getByLabel("Calls per second", { exact: true }).fill("0");
  await play(page);
  assert.equal(await note(page), "This cannot be played: 2 mistakes.");
  const told = (label) => tab(page).getByLabel(label, { exact: true }).evaluate((field) => document.getElementById(field.getAttribute("aria-describedby")).textContent);
  assert.equal(await told("provider.json"), "openai.gpt-4.retries: is not a known setting; did you mean `max_retries`?");
  assert.match(await told("Calls per second"), /^must be from /);
  assert.ok(await config(page).evaluate((field) => field === document.activeElement), "the first of them has the focus");
  await picture(page, "simulator-mistakes");
  assert.deepEqual(await violations(page), []);

  await config(page).fill("{");
  await play(page);
  assert.match(await told("provider.json"), /^is not JSON/);
  assert.deepEqual(it.shown.wrong, []);
});

test("two settings stand side by side", async () => {
  const page = await show();
  await example(page, "Two settings compared");
  const [a, b] = await verdicts(page);
  assert.match(a, /^A: [\d,]+ calls/);
  assert.match(b, /^B: [\d,]+ calls/);
  assert.deepEqual(await tab(page).getByRole("region", { name: "How many" }).locator("thead th").allTextContents(), ["A", "B", "At best"]);
  assert.equal(await page.locator(".plot canvas").count(), 6);
  await tab(page).getByLabel("provider.json, B").fill('{ "openai": { "gpt-4": { "api_keys": [] } } }');
  await play(page);
  const problem = page.locator("#sim-config-b-problem");
  assert.match(await problem.textContent(), /^openai\.gpt-4\.api_keys: /);
});

test("a link shows the same elsewhere, and holds no keys", async () => {
  const page = await show();
  await config(page).fill('{ "openai": { "gpt-4": { "api_keys": ["sk-secret-1", "sk-secret-2"], "headers": { "x-secret": "sk-secret-3" } } } }');
  await tab(page).getByLabel("For, s").fill("60");
  await play(page);
  await tab(page).getByRole("button", { name: "Copy link" }).click();
  await until(async () => /no keys/.test(await note(page)), "it is told");
  const told = await verdicts(page);
  const { hash } = new URL(page.url());
  await page.context().close();

  const other = await show({ hash });
  assert.deepEqual(await verdicts(other), told);
  assert.equal(await tab(other).getByLabel("For, s").inputValue(), "60");
  const provider = JSON.parse(await config(other).inputValue());
  assert.deepEqual(provider, { openai: { "gpt-4": { api_keys: 2, headers: { "x-secret": "hidden" } } } });
  assert.deepEqual(it.shown.wrong, []);
});

test("the page stays responsive, and a long run can be stopped", async () => {
  const page = await show();
  await tab(page).getByLabel("Calls per second", { exact: true }).fill("130");
  await tab(page).getByRole("button", { name: "Play" }).click();
  await tab(page).getByRole("button", { name: "Stop" }).click();
  await tab(page).getByLabel("Calls per second", { exact: true }).fill("1");
  await play(page);
  assert.match((await verdicts(page)).join(), /^3,\d{3} calls/);
  assert.deepEqual(it.shown.wrong, []);
});

test("the keyboard alone will do", async () => {
  const page = await show();
  await tab(page).getByLabel("Calls per second", { exact: true }).focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("2");
  await page.keyboard.press("Enter");
  await until(async () => /^7,\d{3} calls/.test((await verdicts(page)).join()), "Enter plays");
  assert.match(await page.locator("#status").textContent(), /^7,\d{3} calls/, "it is told");
});

for (const colorScheme of ["light", "dark"]) {
  test(`nobody is kept out, and nothing sticks out, in ${colorScheme}`, async () => {
    const page = await show({ colorScheme });
    for (const name of ["A bad day", "Two settings compared"]) {
      await example(page, name);
      for (const [width, height] of SIZES) {
        await page.setViewportSize({ width, height });
        await picture(page, `simulator-${name.split(" ")[0].toLowerCase()}-${width}-${colorScheme}`, { fullPage: true });
        assert.ok((await overhang(page)) <= 0, `${width} wide`);
        if (name.startsWith("Two")) assert.deepEqual(await violations(page), [], `${width} wide`);
      }
    }
    assert.deepEqual(it.shown.wrong, []);
  });
}
