// A page keeps what its client knows in `localStorage`, and takes it up when it is loaded again.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { after, before } from "node:test";
import { startBrowser, startSite } from "./harness.mjs";

// As in docs/observability.md. The provider refuses the first key and limits the second, once.
const PAGE = `<!doctype html>
<link rel="icon" href="data:," />
<script type="importmap">{ "imports": { "lockkeeper": "/dist/browser.js" } }</script>
<script type="module">
  import { OpenAICompatible } from "lockkeeper";

  const statuses = localStorage.getItem("llm") ? [] : [401, 429];
  const answer = { choices: [{ message: { content: "Hi!" }, finish_reason: "stop" }] };
  const fetch = async () => Response.json(answer, { status: statuses.shift() ?? 200, headers: { "retry-after": "60" } });
  const apiKeys = ["sk-page-key-0001", "sk-page-key-0002", "sk-page-key-0003"];
  const llm = new OpenAICompatible({ apiKeys, baseUrl: location.origin + "/v1", model: "any", fetch });
  addEventListener("pagehide", () => localStorage.setItem("llm", JSON.stringify(llm.snapshot())));
  const known = localStorage.getItem("llm");
  if (known) llm.restore(JSON.parse(known));
  const before = llm.keyPool.statuses().map(({ state }) => state);
  const { answeredBy } = await llm.chat([{ role: "user", content: "Hi!" }]);
  globalThis.seen = { before, key: answeredBy.keyLabel, after: llm.keyPool.statuses().map(({ state }) => state), calls: llm.stats().calls };
</script>`;

let site, browser;

before(async () => {
  site = await startSite(async (request, response) => {
    if (request.url === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    const body = await readFile(new URL(`../..${request.url}`, import.meta.url)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { "content-type": "text/javascript" }).end(body);
  });
  browser = await startBrowser();
});

after(async () => {
  await browser.close();
  site.end();
});

test("a page that is loaded again knows which keys to leave alone", async () => {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  const seen = async () => (await page.waitForFunction(() => globalThis.seen)).jsonValue();
  await page.goto(site.url);
  const resting = ["dead", "cooling", "ready"];
  assert.deepEqual(await seen(), { before: ["ready", "ready", "ready"], key: "…0003", after: resting, calls: 1 });
  await page.reload();
  assert.deepEqual(await seen(), { before: resting, key: "…0003", after: resting, calls: 2 });
  const stored = await page.evaluate(() => localStorage.getItem("llm"));
  assert.ok(!stored.includes("sk-page"), stored);
  assert.deepEqual(wrong, []);
});
