// The fault table through the npm package, in a page in Chromium.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import test, { after, before } from "node:test";
import { startBrowser, startSite } from "../www/harness.mjs";
import { runTable } from "./table.mjs";

const root = new URL("../../", import.meta.url);

let site, browser, page;

before(async () => {
  site = createServer(serve).listen(0, "127.0.0.1");
  await once(site, "listening");
  browser = await startBrowser();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
});

after(async () => {
  await browser?.close();
  site.closeAllConnections();
  site.close();
});

/** An empty page, and what it imports. */
async function serve({ url }, response) {
  const body = url.endsWith(".js") ? await readFile(new URL(url.slice(1), root)).catch(() => undefined) : "<!doctype html><title>faults</title>";
  response.writeHead(body ? 200 : 404, { "content-type": url.endsWith(".js") ? "text/javascript" : "text/html" }).end(body);
}

/** Runs in the page. */
async function callThere(question) {
  const [lockkeeper, { call }] = await Promise.all([import("/dist/browser.js"), import("/tests/faults/call.js")]);
  return call(lockkeeper, question);
}

// A browser opens six connections to a host at most, and sends a request again by itself whose connection is lost when
// it was used before: each call has a host of its own. All of them are this machine.
const baseUrlOf = (row, way) => {
  const url = new URL(process.env.LOCKKEEPER_TEST_BASE_URL);
  url.hostname = `${row.id}-${way}.localhost`;
  return url.href;
};

runTable("Chromium", (question) => page.evaluate(callThere, question), baseUrlOf);

/** A provider that tells of a limit with each answer, which pages may read if it is `exposed`. */
function limited(exposed) {
  let left = 8;
  return ({ method }, response) => {
    const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*, authorization" };
    if (method === "OPTIONS") return response.writeHead(204, headers).end();
    const told = { limit: 8, remaining: (left -= 1), reset: "59.5s" };
    const names = Object.keys(told).map((name) => `x-ratelimit-${name}-requests`);
    Object.values(told).forEach((value, at) => (headers[names[at]] = String(value)));
    if (exposed) headers["access-control-expose-headers"] = names.join(", ");
    const answer = { choices: [{ message: { role: "assistant", content: "Hi!" }, finish_reason: "stop" }] };
    response.writeHead(200, { ...headers, "content-type": "application/json" }).end(JSON.stringify(answer));
  };
}

/** Runs in the page. */
async function limitSeen(baseUrl) {
  const { OpenAICompatible } = await import("/dist/browser.js");
  const apiKeys = ["sk-in-a-page-0001", ["sk-in-a-page-0002", "sk-in-a-page-0003"]];
  const llm = new OpenAICompatible({ apiKeys, providerId: baseUrl, baseUrl, model: "m", dangerouslyAllowBrowser: true });
  const ask = () => llm.chat([{ role: "user", content: "Hi!" }], { timeout: 5 });
  const answers = await Promise.all([ask(), ask(), ask(), ask(), ask(), ask()]);
  return { answers: answers.length, limits: llm.keyPool.statuses().map((key) => key.limit?.requests ?? 0) };
}

test("Chromium: limits that a page cannot read change nothing", async () => {
  for (const [exposed, limits] of [[true, [8, 8, 8]], [false, [0, 0, 0]]]) {
    const provider = await startSite(limited(exposed));
    assert.deepEqual(await page.evaluate(limitSeen, `${provider.url}v1`), { answers: 6, limits });
    provider.end();
  }
});
