// Each button that breaks the provider, and how the client copes: as the page tells it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, until } from "./harness.mjs";
import { ended, lastAnswer, stage, states, storyOf, textOf } from "./stage.mjs";

const it = stage();

/** Each button: what the story of the answer must say, in this order. */
const SURVIVED = {
  429: [/rate_limited \(429\)/, /sent with/, /answered by/],
  503: [/server \(503\)/, /waits before it tries again/, /answered by/],
  Silence: [/timeout/, /waits before it tries again/, /answered by/],
  "Dead key": [/authentication \(401\)/, /sent with/, /answered by/],
  "No credit": [/quota_exhausted \(429\)/, /sent with/, /answered by/],
};

/** Presses a button by its name, and waits for the answer. */
async function strike(page, name) {
  await page.locator("#faults button").filter({ has: page.locator("strong").getByText(name, { exact: true }) }).click();
}

for (const [name, steps] of Object.entries(SURVIVED)) {
  test(`${name}: answered all the same`, async () => {
    const page = await it.show();
    await strike(page, name);
    await ended(page);
    assert.match(await textOf(page), /patience/);
    const story = await storyOf(page);
    let from = 0;
    for (const step of steps) {
      const at = story.findIndex((line, i) => i >= from && step.test(line));
      assert.ok(at >= 0, `${step} in ${story.join(" | ")}`);
      from = at + 1;
    }
    assert.deepEqual(it.unexpected(), []);
  });
}

test("429, all: they cool, which shows, and then one answers", async () => {
  const page = await it.show();
  await strike(page, "429, all");
  await until(async () => (await states(page)).every((state) => state === "cooling"), "all keys cool");
  await until(async () => /waits for a key/.test(await lastAnswer(page).locator(".note").textContent()), "the answer says what it waits for");
  await until(async () => /cooling, [\d.]+ s/.test(await page.locator(".state").first().textContent()), "it says how long");
  await ended(page);
  assert.match((await storyOf(page)).join(), /\(429\).*\(429\).*\(429\).*waits for a key.*answered by/);
  await until(async () => (await states(page)).every((state) => state === "ready"), "all are ready again");
  assert.deepEqual(it.unexpected(), []);
});

test("a slow start is waited for", async () => {
  const page = await it.show();
  await strike(page, "Slow start");
  await ended(page);
  const [, after] = /first token after ([\d.]+) s/.exec(await lastAnswer(page).locator(".note").textContent());
  assert.ok(Number(after) >= 1.8, after);
  assert.deepEqual(it.shown.wrong, []);
});

test("a cut answer stays, with all that its error says", async () => {
  const page = await it.show();
  await strike(page, "Cut");
  await ended(page);
  assert.ok((await textOf(page)).length > 20);
  const card = lastAnswer(page).locator(".failure");
  const words = await card.textContent();
  for (const fact of [/^TruncatedError: /, /Kindtruncated/, /Request idreq_/, /Last key…/, /It cost\d+ LLM tokens/, /1 attempt/]) assert.match(words, fact);
  assert.match(await page.locator("#status").textContent(), /^TruncatedError: /);
  await picture(page, "cut");
  assert.deepEqual(it.unexpected(), []);
});

test("what stays broken can be mended", async () => {
  const page = await it.show({ viewport: { width: 360, height: 800 } });
  await strike(page, "Dead key");
  await ended(page);
  await strike(page, "No credit");
  await ended(page, 2);
  await until(async () => (await states(page)).sort().join() === "dead,exhausted,ready", "one key is dead, one without credit");
  await picture(page, "phone-broken", { fullPage: true });
  await page.getByRole("button", { name: "Mend all" }).click();
  await until(async () => (await states(page)).every((state) => state === "ready"), "all are ready");
  await strike(page, "429");
  await ended(page, 3);
  assert.doesNotMatch((await storyOf(page)).join(), /401|quota/);
  assert.deepEqual(it.unexpected(), []);
});
