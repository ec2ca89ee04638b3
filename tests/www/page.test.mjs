// The page in a browser, against the provider that `npm start` gives it.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ask, open, picture, renew, startBrowser, startPage, until } from "./harness.mjs";

let served, browser, shown;

before(async () => {
  served = await startPage();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await served?.end();
});

afterEach(async () => {
  await shown?.page.context().close();
});

async function show(options) {
  await renew(served);
  shown = await open(browser, served.url, options);
  return shown.page;
}

/** Sends a message as a person with a mouse does. */
async function say(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

const lastAnswer = (page) => page.locator(".answer").last();
const textOf = (page) => lastAnswer(page).locator(".text").textContent();
const ended = (page) => page.locator(".answer:not(.arriving)").last().waitFor({ timeout: 30_000 });
const total = async (page, name) => Number(await page.locator(`#total-${name}`).textContent());
const overhang = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const events = (page) => page.locator("#log li").allTextContents();

/** What went wrong, but for the provider's refusals: browsers report each as an error. */
const unexpected = () => shown.wrong.filter((line) => !/status of (429|503) .*\/v1\/chat\/completions$/.test(line));

test("an answer streams in, and is counted", async () => {
  const page = await show();
  await say(page, "Tell me about canal locks.");
  const lengths = new Set();
  await until(async () => lengths.add((await textOf(page)).length).size > 5, "the text grows");
  await ended(page);
  assert.match(await textOf(page), /canal locks/);
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^….{4}, first token after [\d.]+ s, \d+ LLM tokens$/);
  assert.match(await page.locator("#status").textContent(), /^Answer: .*canal locks/);
  await until(async () => (await total(page, "succeeded")) === 1, "the call is counted");
  assert.ok((await total(page, "outputTokens")) > 20);
  const log = (await events(page)).join("\n");
  for (const words of [/sent with …/, /status 200/, /first token after/, /answered by …/]) assert.match(log, words);
  assert.deepEqual(shown.wrong, []);
});

test("the conversation goes on where it was", async () => {
  const page = await show();
  await page.getByRole("button", { name: "A haiku about patience" }).click();
  await ended(page);
  await say(page, "And one about weirs, please.");
  await until(async () => (await page.locator(".answer:not(.arriving)").count()) === 2, "the second answer");
  const { requests } = await ask(served.provider, "log");
  assert.deepEqual(requests.at(-1).body.messages.map((message) => message.role), ["user", "assistant", "user"]);
  assert.deepEqual(shown.wrong, []);
});

test("Stop ends the answer and closes its connection", async () => {
  const page = await show();
  await say(page, "Tell me about stopping in the middle.");
  await until(async () => (await textOf(page)).length > 20, "some text");
  await page.getByRole("button", { name: "Stop" }).click();
  await ended(page);
  const length = (await textOf(page)).length;
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^Stopped/);
  const closed = async () => (await ask(served.provider, "log")).requests.at(-1)?.finished === "client_closed";
  await until(closed, "the provider sees the connection closed");
  assert.equal((await textOf(page)).length, length, "nothing more arrives");
  await until(async () => (await total(page, "cancelled")) === 1, "the call is counted");
  assert.ok(await page.getByLabel("Your message").evaluate((field) => field === document.activeElement));
  assert.deepEqual(unexpected().filter((line) => !/net::ERR_ABORTED/.test(line)), []);
});

test("a burst moves bars and gauge, and all of it is answered", async () => {
  const page = await show();
  await page.getByRole("button", { name: "Burst of 12" }).click();
  const tokens = page.locator("#tokens");
  await until(async () => Number(await tokens.textContent()) < 2, "the bucket empties");
  await until(async () => /waiting/.test(await page.locator("#waiters").textContent()), "calls wait");
  const width = () => page.locator(".bar .flying").first().evaluate((part) => part.getBoundingClientRect().width);
  await until(async () => (await width()) > 0, "requests in flight show");
  await until(async () => (await page.locator(".cell[data-state=answering]").count()) > 1, "cells show answers");
  await picture(page, "burst");
  await until(async () => (await page.locator("#burst-summary").textContent()) === "12 answered", "all answered", 40_000);
  await until(async () => (await page.locator("#status").textContent()) === "Burst: 12 answered.", "it is told");
  await until(async () => (await total(page, "succeeded")) === 12, "all are counted");
  await until(async () => (await width()) === 0, "nothing is in flight");
  await until(async () => Number(await tokens.textContent()) > 1, "the bucket fills");
  assert.deepEqual(unexpected(), []);
});

test("fault-429 shows failures in the log, and keys that cool", async () => {
  const page = await show();
  await page.getByLabel("Model").first().selectOption("fault-429");
  await say(page, "Tell me about limits.");
  await until(async () => (await page.locator(".key-row[data-state=cooling]").count()) === 3, "all keys cool");
  await picture(page, "cooling");
  await ended(page);
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^RateLimitError: .*\(\d+ attempts\)$/);
  const log = (await events(page)).join("\n");
  assert.match(log, /rate_limited \(429\)/);
  assert.match(log, /waits for a key/);
  await until(async () => (await page.locator(".key-row[data-state=ready]").count()) === 3, "all are ready again");
  assert.deepEqual(unexpected(), []);
});

test("a key out of credit is told, and can be revived", async () => {
  const page = await show({ viewport: { width: 390, height: 844 } });
  await page.getByLabel("Model").first().selectOption("fault-once-quota");
  await say(page, "Tell me about credit.");
  await ended(page);
  const ill = page.locator(".key-row[data-state=exhausted]");
  await until(async () => /out of credit/.test((await ill.allTextContents()).join()), "one key is out of credit");
  await picture(page, "phone-out-of-credit", { fullPage: true });
  assert.ok((await overhang(page)) <= 0);
  await page.getByRole("button", { name: "Revive keys" }).click();
  await until(async () => (await ill.count()) === 0, "it is revived");
  assert.deepEqual(unexpected(), []);
});

test("503 once is tried again, and answered", async () => {
  const page = await show();
  await page.getByLabel("Model").first().selectOption("fault-once-503");
  await say(page, "Tell me about second chances.");
  await ended(page);
  assert.match(await textOf(page), /second chances/);
  assert.match((await events(page)).join("\n"), /server \(503\)/);
  assert.deepEqual(unexpected(), []);
});

test("a cut answer stays, with what went wrong", async () => {
  const page = await show();
  await page.getByLabel("Model").first().selectOption("fault-cut-24");
  await say(page, "Tell me about scissors.");
  await ended(page);
  assert.ok((await textOf(page)).length > 20);
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^\w+Error: /);
});

test("the keyboard alone will do", async () => {
  const page = await show();
  const press = (key) => page.keyboard.press(key);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  await press("Tab");
  assert.equal(await focused(), "Skip to the chat");
  await press("Enter");
  await page.keyboard.type("Tell me about keyboards.");
  await press("Enter");
  await until(async () => (await textOf(page)).length > 20, "the answer streams");
  await press("Escape");
  await ended(page);
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^Stopped/);
  const reached = [];
  for (let i = 0; i < 12; i++) {
    await press("Tab");
    reached.push(await focused());
    if (reached.at(-1) === "burst-button") break;
  }
  assert.deepEqual(reached.slice(0, 2), ["model", "send"]);
  assert.equal(reached.at(-1), "burst-button");
  await press("Shift+Tab");
  await page.locator("#open-settings").focus();
  await press("Enter");
  assert.equal(await focused(), "base-url");
  await press("Escape");
  assert.equal(await focused(), "open-settings");
});

test("a service elsewhere needs a warning, a wrong setting an explanation", async () => {
  const page = await show();
  await page.locator("#open-settings").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Base URL").fill("https://llm.example/v1");
  await dialog.getByText(/not on this machine.*dangerouslyAllowBrowser/).waitFor();
  await picture(page, "settings");
  await dialog.getByLabel("Bucket capacity").fill("0");
  await dialog.getByRole("button", { name: "Connect" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Bucket capacity").fill("5");
  await dialog.getByLabel("API keys").fill("sk-of-somebody-else");
  await dialog.getByRole("button", { name: "Connect" }).click();
  await page.getByText("llm.example", { exact: true }).waitFor();
  assert.deepEqual(await page.locator(".key-row code").allTextContents(), ["…else"]);
  assert.equal(await page.locator("#model option").count(), 1, "no faults are on offer there");
  assert.equal((await page.content()).includes("sk-of-somebody-else"), false, "the key does not show");
  assert.deepEqual(shown.wrong, []);
});

for (const colorScheme of ["light", "dark"]) {
  for (const [name, viewport] of [["desktop", { width: 1280, height: 800 }], ["phone", { width: 390, height: 844 }]]) {
    test(`fits a ${name}, in ${colorScheme}`, async () => {
      const page = await show({ colorScheme, viewport, reducedMotion: "reduce" });
      await picture(page, `${name}-${colorScheme}-first`);
      await say(page, "Tell me about canal locks.");
      await ended(page);
      await page.getByRole("button", { name: "Burst of 12" }).click();
      await until(async () => (await page.locator(".cell[data-state=answering]").count()) > 2, "the burst is under way");
      await picture(page, `${name}-${colorScheme}`, { fullPage: true });
      assert.ok((await overhang(page)) <= 0);
      assert.deepEqual(unexpected(), []);
    });
  }
}

test("nothing but the page and the package is served", async () => {
  const status = async (path) => (await fetch(new URL(path, served.url))).status;
  assert.equal(await status("main.js"), 200);
  for (const path of ["..%2fCargo.toml", "dist/..%2f..%2fCargo.toml", "%2e%2e/%2e%2e/etc/passwd", "nowhere.js", "%zz"]) {
    assert.equal(await status(path), 404, path);
  }
});

test("Ctrl-C ends the page and its provider", async () => {
  const second = await startPage();
  assert.notEqual(second.url, served.url, "a port that is taken is left alone");
  assert.equal(await second.end(), 0);
  await assert.rejects(fetch(second.url));
  await assert.rejects(fetch(second.provider));
});
