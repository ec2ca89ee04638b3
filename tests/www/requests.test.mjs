// Bursts, and what shows of them: timeline, lanes, bucket, table.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, picture, until } from "./harness.mjs";
import { stage, total } from "./stage.mjs";

const it = stage();
const summary = (page) => page.locator("#burst-summary").textContent();
const range = (page) => page.locator("#timeline-range").textContent();
const chart = (page) => page.locator("#timeline-chart");

/** How many pixels of the timeline have the colour of a name. */
function painted(page, name) {
  return page.evaluate((name) => {
    const canvas = document.querySelector("#timeline-chart canvas");
    if (!canvas) return 0;
    // A copy, which may be read as often as one likes.
    const { width, height } = canvas;
    const probe = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    probe.drawImage(canvas, 0, 0);
    const { data } = probe.getImageData(0, 0, width, height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) count++;
    return count;
  }, name);
}

test("a burst moves bucket, lanes and timeline, and all of it is answered", async () => {
  const page = await it.show({}, { latency_ms: 150, token_pace_ms: 10 });
  await page.getByRole("button", { name: "Ask 12 at once" }).click();
  await until(async () => Number(await page.locator("#tokens").textContent()) < 2, "the bucket empties");
  await until(async () => /[1-9] in flight/.test(await page.locator(".in-flight").first().textContent()), "requests are in flight");
  await until(async () => (await painted(page, "--key-0")) > 50, "the first key's colour is on the timeline");
  await until(async () => (await summary(page)) === "12 answered", "all answered");
  await until(async () => (await page.locator("#status").textContent()) === "12 requests: 12 answered.", "it is told");
  await until(async () => (await total(page, "succeeded")) === 12, "all are counted");
  for (const key of ["--key-1", "--key-2", "--ink"]) assert.ok((await painted(page, key)) > 20, key);
  assert.equal(await page.locator(".lane canvas").count(), 3);
  await picture(page, "burst");
  assert.deepEqual(it.shown.wrong, []);
});

test("500 at once can be read, zoomed and stopped", async () => {
  const page = await it.show();
  await page.getByRole("button", { name: "Ask 500 at once" }).click();
  await until(async () => /4\d\d calls waiting/.test(await page.locator("#waiters").textContent()), "they queue at the bucket");
  await until(async () => (await painted(page, "--queue")) > 20_000, "the queue shows");
  await until(async () => (await painted(page, "--key-0")) > 3, "what works shows, too");
  assert.match(await range(page), /requests 1 to 500, following$/);
  await picture(page, "burst-500");

  await chart(page).focus();
  await page.keyboard.press("+");
  await until(async () => !/following/.test(await range(page)), "a key zooms in");
  await page.keyboard.press("0");
  await until(async () => /1 to 500, following/.test(await range(page)), "another follows again");
  const box = await chart(page).boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
  for (let i = 0; i < 12; i++) await page.mouse.wheel(0, -100);
  const rows = async () => /requests (\d+) to (\d+)$/.exec(await range(page))?.slice(1).map(Number) ?? [1, 500];
  await until(async () => (([from, to]) => to - from < 60)(await rows()), "the wheel zooms in");
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60);
  assert.match(await page.locator("#timeline-chart .hover").textContent(), /^#\d+, \w+.*waited/);
  await picture(page, "burst-500-zoomed");
  await page.getByRole("button", { name: "Show all requests" }).click();
  await until(async () => (await rows())[1] === 500, "a button shows all");
  await page.mouse.move(box.x + 100, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 300, box.y + 100, { steps: 4 });
  await page.mouse.up();
  await until(async () => (([from, to]) => to - from < 250)(await rows()), "a frame drawn with the mouse zooms in");

  await page.getByRole("tab", { name: "Table" }).click();
  await until(async () => (await page.locator("#request-rows tr").count()) === 500, "a row each in the table");
  await page.getByRole("button", { name: "Stop all" }).click();
  await until(async () => (await total(page, "calls")) === (await total(page, "succeeded")) + (await total(page, "cancelled")), "all have ended");
  await until(async () => /\d+ answered, \d+ stopped/.test(await summary(page)), "it is said");
  await until(async () => /#500stopped/.test(await page.locator("#request-rows tr").last().textContent()), "the table knows");
  assert.deepEqual(it.unexpected(), []);
});

test("fingers zoom and move", async () => {
  const page = await it.show({ hasTouch: true, viewport: { width: 360, height: 800 } });
  await page.getByRole("button", { name: "Ask 12 at once" }).tap();
  await until(async () => (await summary(page)) === "12 answered", "all answered");
  await chart(page).scrollIntoViewIfNeeded();
  const { x, y, width, height } = await chart(page).boundingBox();
  const devtools = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    devtools.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([right, down], id) => ({ x: x + width * right, y: y + height * down, id })) });
  const rows = async () => /requests (\d+) to (\d+)(, following)?$/.exec(await range(page)).slice(1, 3).map(Number);
  assert.deepEqual(await rows(), [1, 12]);
  await touch("touchStart", [0.5, 0.45], [0.5, 0.55]);
  await touch("touchMove", [0.5, 0.3], [0.5, 0.7]);
  await touch("touchEnd");
  const [from, to] = await until(async () => (([from, to]) => to - from < 6 && [from, to])(await rows()), "two fingers zoom in");
  // From the next picture on the browser knows that fingers no longer scroll the page here.
  await page.evaluate(() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen))));
  await touch("touchStart", [0.5, 0.3]);
  await touch("touchMove", [0.5, 0.5]);
  await touch("touchMove", [0.5, 0.7]);
  await touch("touchEnd");
  await until(async () => (await rows())[0] < from, "one finger moves");
  assert.ok((await rows())[1] < to);
  await page.getByRole("button", { name: "Follow" }).click();
  await until(async () => (await rows()).join() === "1,12", "a button shows all of it again");
  assert.deepEqual(it.shown.wrong, []);
});

test("500 are answered, where the limits allow it", async () => {
  const page = await it.show({}, { latency_ms: 0, token_pace_ms: 0 });
  const keys = it.served.apiKeys.map((key) => ({ key, capacity: 0 }));
  await ask(it.served.provider, "settings", "POST", { keys });
  await page.locator("#open-settings").click();
  await page.getByLabel("Model", { exact: true }).last().fill("unlimited");
  await page.getByLabel("Bucket capacity").fill("1000");
  await page.getByLabel("Tokens per second").fill("1000");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: "Ask 500 at once" }).click();
  await until(async () => (await summary(page)) === "500 answered", "all answered", 30_000);
  await until(async () => /requests 1 to 500, following$/.test(await range(page)), "each has its row");
  await picture(page, "500-answered");
  assert.deepEqual(it.shown.wrong, []);
});
