// The fault table through the npm package, in a page in Chromium.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before } from "node:test";
import { startBrowser } from "../www/harness.mjs";
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
