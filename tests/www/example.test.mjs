// The examples' page, which asks the examples' worker, which asks the provider: as a site would have them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import test, { after, before } from "node:test";
import worker from "../../examples/edge-worker.mjs";
import { ask, startBrowser, startPage, startSite, until } from "./harness.mjs";

const file = (path) => readFile(new URL(`../../${path}`, import.meta.url));

let provided, site, browser;

before(async () => {
  provided = await startPage();
  const BASE_URL = new URL("/v1", provided.provider).href;
  const env = { API_KEYS: provided.apiKeys.join(), BASE_URL, MODEL: "mock-model" };
  site = await startSite(async (request, response) => {
    if (request.url.startsWith("/ask/")) return answer(request, response, env);
    const [path, type] = request.url === "/" ? ["examples/page.html", "text/html"] : [request.url.replace("/node_modules/lockkeeper/", ""), "text/javascript"];
    const body = await file(path).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
  });
  browser = await startBrowser();
});

after(async () => {
  await browser.close();
  site.end();
  await provided.end();
});

/** The worker, as an edge host runs it. */
async function answer(request, response, env) {
  const left = new AbortController();
  response.on("close", () => left.abort());
  const init = { method: request.method, body: Readable.toWeb(request), duplex: "half", signal: left.signal };
  const answered = await worker.fetch(new Request("https://worker.example.com/", init), env);
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  Readable.fromWeb(answered.body).on("error", () => response.destroy()).pipe(response);
}

async function open() {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  await page.goto(site.url);
  return { page, wrong };
}

test("an answer streams from the provider through the worker into the page", async () => {
  const { page, wrong } = await open();
  await page.getByLabel("Question").fill("Why locks?");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.waitForFunction(() => document.querySelector("#stop").disabled && document.querySelector("#answer").textContent.length > 20);
  assert.doesNotMatch(await page.locator("#answer").textContent(), /\[/);
  assert.deepEqual(wrong, []);
});

test("Stop reaches the provider", async () => {
  const { page } = await open();
  await page.getByLabel("Question").fill("A long story, please, to be stopped");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.waitForFunction(() => document.querySelector("#answer").textContent.length > 0);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.waitForFunction(() => document.querySelector("#answer").textContent.endsWith("[stopped]"));
  const closed = (request) => request.finished === "client_closed" && JSON.stringify(request.body).includes("to be stopped");
  await until(async () => (await ask(provided.provider, "log")).requests.some(closed), "a closed connection at the provider");
});
