// How the page looks, to people and to axe: at three widths, in light and dark.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, until } from "./harness.mjs";
import { ended, overhang, say, stage, violations } from "./stage.mjs";

const it = stage();
/** Window sizes, each with the view of the requests that is looked at there. */
const SIZES = [[360, 800, "Table"], [768, 1024, "Events"], [1440, 900, "Timeline"]];

/** Does the same at each width, the window's size changed. */
async function atEachWidth(page, act) {
  for (const [width, height, tab] of SIZES) {
    await page.setViewportSize({ width, height });
    await act(width, tab);
  }
}

/** Brings the page to where there is something of everything: an answer, an error, a dead key, a queue. */
async function fill(page) {
  await say(page, "Compare lock gates, in Markdown");
  await ended(page);
  await page.getByRole("button", { name: /^Cut/ }).click();
  await ended(page, 2);
  await page.getByRole("button", { name: /^Dead key/ }).click();
  await ended(page, 3);
  await page.getByRole("button", { name: "Ask 100 at once" }).click();
  await until(async () => /waiting.*answered/.test(await page.locator("#burst-summary").textContent()), "the burst is under way");
}

for (const colorScheme of ["light", "dark"]) {
  test(`nobody is kept out, and nothing sticks out, in ${colorScheme}`, async () => {
    const page = await it.show({ colorScheme, reducedMotion: "reduce" });
    await atEachWidth(page, async (width) => {
      await picture(page, `${width}-${colorScheme}-first`, { fullPage: true });
      assert.deepEqual(await violations(page), [], "as it opens");
    });
    await fill(page);
    await atEachWidth(page, async (width, tab) => {
      await page.getByRole("tab", { name: "Timeline" }).click();
      await picture(page, `${width}-${colorScheme}-busy`, { fullPage: true });
      assert.ok((await overhang(page)) <= 0, `${width} wide`);
      await page.getByRole("tab", { name: tab }).click();
      assert.deepEqual(await violations(page), [], tab);
      await page.locator("#open-settings").click();
      await picture(page, `${width}-${colorScheme}-settings`);
      assert.deepEqual(await violations(page), [], "the dialog");
      await page.keyboard.press("Escape");
    });
    assert.deepEqual(it.unexpected(), []);
  });
}
