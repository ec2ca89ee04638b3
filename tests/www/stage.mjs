// What the tests of the page share: one provider and one browser for a file, and a fresh page for each test.

import { readFileSync } from "node:fs";
import { after, afterEach, before } from "node:test";
import { ask, open, renew, startBrowser, startPage, until } from "./harness.mjs";

const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** Sets the stage for a file's tests. `show` opens the page; `served` and `shown` are what is served and shown. */
export function stage() {
  const it = { served: undefined, browser: undefined, shown: undefined };

  before(async () => {
    it.served = await startPage();
    it.browser = await startBrowser();
  });
  after(async () => {
    await it.browser?.close();
    await it.served?.end();
  });
  afterEach(async () => {
    await it.shown?.page.context().close();
  });

  /** Opens the page, at a `hash` if need be, with the provider as good as new, and quick. */
  it.show = async ({ hash = "", ...options } = {}, pace = { latency_ms: 30, token_pace_ms: 5 }) => {
    await ask(it.served.provider, "faults", "DELETE");
    await renew(it.served);
    await ask(it.served.provider, "settings", "POST", pace);
    it.shown = await open(it.browser, it.served.url + hash, options);
    return it.shown.page;
  };

  /** What went wrong, but for what the provider was told to do: browsers report each of its refusals as an error. */
  it.unexpected = () => it.shown.wrong.filter((line) => !/\/v1\/chat\/completions/.test(line));
  return it;
}

/** Sends a message as a person with a mouse does. */
export async function say(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

export const lastAnswer = (page) => page.locator(".answer").last();
export const textOf = (page) => lastAnswer(page).locator(".text").textContent();

/** Waits until the answer is there, and is so many. */
export async function ended(page, count = 1) {
  await until(async () => (await page.locator(".answer:not(.arriving)").count()) === count, `${count} answers`, 20_000);
}
export const total = async (page, name) => Number((await page.locator(`#total-${name}`).textContent()).replaceAll(",", ""));
export const storyOf = (page) => lastAnswer(page).locator(".story li").allTextContents();
export const states = (page) => page.locator(".key-row").evaluateAll((rows) => rows.map((row) => row.dataset.state));
export const overhang = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** What axe finds, in a line each. */
export async function violations(page) {
  // Not as an element of the page, whose policy would refuse it.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => (await globalThis.axe.run()).violations);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}
