// The chat in a browser, against the provider that `npm start` gives the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, until } from "./harness.mjs";
import { ended, lastAnswer, say, stage, textOf, total } from "./stage.mjs";

const it = stage();
const SLOW = { latency_ms: 50, token_pace_ms: 15 };

test("an answer streams in, and is counted", async () => {
  const page = await it.show({}, SLOW);
  await say(page, "Tell me about canal locks.");
  const lengths = new Set();
  await until(async () => lengths.add((await textOf(page)).length).size > 5, "the text grows");
  await ended(page);
  assert.match(await textOf(page), /canal locks/);
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^….{4}, first token after [\d.]+ s, \d+ LLM tokens$/);
  assert.match(await page.locator("#status").textContent(), /^Answer: .*canal locks/);
  await until(async () => (await total(page, "succeeded")) === 1, "the call is counted");
  assert.ok((await total(page, "outputTokens")) > 20);
  await page.getByRole("tab", { name: "Events" }).click();
  const log = (await page.locator("#log li").allTextContents()).join("\n");
  for (const words of [/sent with …/, /status 200/, /first token after/, /answered by …/]) assert.match(log, words);
  assert.deepEqual(it.shown.wrong, []);
});

test("Markdown is shown as it arrives, and is never HTML", async () => {
  const page = await it.show({}, SLOW);
  await say(page, "Compare gates and <img src=x onerror=alert(1)>, in Markdown");
  const text = lastAnswer(page).locator(".text");
  const heading = text.locator("h3");
  await text.locator("li").first().waitFor();
  await heading.evaluate((element) => (element.dataset.kept = "yes"));
  await ended(page);
  assert.equal(await heading.getAttribute("data-kept"), "yes", "what has not changed is left alone");
  for (const [selector, count] of [["h3", 1], ["strong", 1], ["em", 1], ["ul > li", 3], ["table td", 6], ["pre code", 1], ["blockquote", 1], ["img", 0], ["script", 0]]) {
    assert.equal(await text.locator(selector).count(), count, selector);
  }
  assert.match(await text.locator("h3").textContent(), /<img src=x onerror=alert\(1\)>/);
  assert.deepEqual(it.shown.wrong, []);
});

test("links that could run something are text", async () => {
  const page = await it.show();
  const shown = await page.evaluate(async () => {
    const { Markdown } = await import("./playground/markdown.js");
    const element = document.createElement("div");
    const text = '[bad](javascript:alert(1)) [good](https://example.com "t") ![pic](https://example.com/a.png)\n\n<b onclick="x()">raw</b> &amp; &lt;i&gt; `a<b`\n\n- [x] done\n- one\n\n  two';
    await new Markdown(element).show(text);
    return { links: [...element.querySelectorAll("a")].map((a) => [a.href, a.rel]), text: element.textContent, tags: [...element.querySelectorAll("b, i, img")].length };
  });
  const rel = "noopener noreferrer";
  assert.deepEqual(shown.links, [["https://example.com/", rel], ["https://example.com/a.png", rel]]);
  assert.equal(shown.tags, 0);
  for (const words of ["bad", "Image: pic", '<b onclick="x()">raw</b> & <i> a<b', "☑ done"]) assert.ok(shown.text.includes(words), `${words} in ${shown.text}`);
  assert.deepEqual(it.shown.wrong, []);
});

test("the conversation goes on where it was", async () => {
  const page = await it.show();
  await page.getByRole("button", { name: "A haiku about patience" }).click();
  await ended(page);
  await say(page, "And one about weirs, please.");
  await ended(page, 2);
  const { requests } = await ask(it.served.provider, "log");
  assert.deepEqual(requests.at(-1).body.messages.map((message) => message.role), ["user", "assistant", "user"]);
  assert.deepEqual(it.shown.wrong, []);
});

test("Stop ends the answer and closes its connection", async () => {
  const page = await it.show({}, SLOW);
  await say(page, "Tell me about stopping in the middle.");
  await until(async () => (await textOf(page)).length > 20, "some text");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await ended(page);
  const length = (await textOf(page)).length;
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^Stopped/);
  const closed = async () => (await ask(it.served.provider, "log")).requests.at(-1)?.finished === "client_closed";
  await until(closed, "the provider sees the connection closed");
  assert.equal((await textOf(page)).length, length, "nothing more arrives");
  await until(async () => (await total(page, "cancelled")) === 1, "the call is counted");
  assert.ok(await page.getByLabel("Your message").evaluate((field) => field === document.activeElement));
  assert.deepEqual(it.unexpected(), []);
});

test("what is new is in sight, unless its reader has scrolled back", async () => {
  const page = await it.show({ viewport: { width: 360, height: 700 } });
  const fromEnd = () => page.locator("#conversation").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  await page.getByRole("button", { name: /^Cut/ }).click();
  await ended(page);
  await say(page, "Tell me about weirs, step by step, in Markdown.");
  await ended(page, 2);
  await until(async () => (await fromEnd()) < 24, "the end of the answer is in sight");
  await page.locator("#conversation").evaluate((list) => new Promise((scrolled) => {
    list.addEventListener("scroll", () => list.scrollTop === 0 && scrolled());
    list.scrollTop = 0;
  }));
  const before = await until(fromEnd, "there is something below");
  await page.evaluate(() => document.querySelector(".answer .text").append("More."));
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.ok((await fromEnd()) >= before);
  assert.deepEqual(it.unexpected(), []);
});

test("the keyboard alone will do", async () => {
  const page = await it.show({}, SLOW);
  const press = (key) => page.keyboard.press(key);
  const focused = () => page.evaluate(() => document.activeElement.id);
  await press("Tab"); // the skip link
  await press("Tab");
  assert.equal(await focused(), "tab-playground");
  await press("ArrowRight");
  assert.equal(await focused(), "tab-simulator");
  await page.locator("#simulator").getByRole("heading").first().waitFor();
  assert.match(page.url(), /#simulator$/);
  await press("Home");
  assert.ok(await page.locator("#playground").isVisible());
  await page.locator("#prompt").focus();
  await page.keyboard.type("Tell me about keyboards.");
  await press("Enter");
  await until(async () => (await textOf(page)).length > 5, "an answer begins");
  await press("Escape");
  await ended(page);
  assert.match(await lastAnswer(page).locator(".note").textContent(), /^Stopped/);
  await page.locator("#open-settings").focus();
  await press("Enter");
  assert.equal(await focused(), "tab-fields");
  await press("Escape");
  assert.equal(await focused(), "open-settings");
  assert.deepEqual(it.unexpected(), []);
});
