// The page as files: what it weighs, what is served, and that any static host will do.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { writeSite } from "../../scripts/site.mjs";
import { open, startBrowser, startPage, startSite } from "./harness.mjs";
import { ended, say } from "./stage.mjs";

const LIMIT = 150_000; // bytes after Brotli, of all that the page loads until it can be asked
const LIMIT_OF_ALL = 195_000; // …and with what it loads for the first answer: uPlot, marked, the timeline
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm" };

const folder = mkdtempSync(join(tmpdir(), "lockkeeper-site-"));
let served, browser, site;

before(async () => {
  await writeSite(folder);
  served = await startPage();
  browser = await startBrowser();
  site = await startSite((request, response) => {
    const path = new URL(request.url, "http://host/").pathname.replace("/some/folder/", "/").replace(/\/$/, "/index.html");
    try {
      response.writeHead(200, { "content-type": TYPES[extname(path)] }).end(readFileSync(join(folder, path)));
    } catch {
      response.writeHead(404).end();
    }
  });
});

after(async () => {
  await browser?.close();
  await served?.end();
  site?.end();
  rmSync(folder, { recursive: true });
});

test("it is light", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const weights = new Map();
  page.on("response", async (response) => weights.set(response.url(), response.body().then((body) => brotliCompressSync(body).length)));
  const sum = async () => (await Promise.all(weights.values())).reduce((a, b) => a + b, 0);
  await page.goto(served.url, { waitUntil: "networkidle" });
  await page.locator("html[data-ready]").waitFor();
  const first = await sum();
  await say(page, "Compare lock gates, in Markdown");
  await ended(page);
  await page.locator("#timeline-chart[data-ready]").waitFor();
  const provider = [...weights.keys()].filter((url) => !url.startsWith(served.url));
  for (const url of provider) weights.delete(url);
  const all = await sum();
  console.log(`the page: ${(first / 1000).toFixed(1)} KB, after the first answer ${(all / 1000).toFixed(1)} KB`);
  assert.ok(first < LIMIT, `${first} bytes`);
  assert.ok(all > first && all < LIMIT_OF_ALL, `${all} bytes`);
  await context.close();
});

test("a static host in any folder will do, with a service of the user's own", async () => {
  const { page, wrong } = await open(browser, `${site.url}some/folder/`);
  await page.getByRole("button", { name: "Connect a service" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Base URL").fill(new URL("/v1", served.provider).href);
  await dialog.getByLabel("Model", { exact: true }).fill("mock-model");
  await dialog.getByLabel("API keys").fill(served.apiKeys[0]);
  await dialog.getByRole("button", { name: "Connect" }).click();
  await say(page, "Tell me about canal locks.");
  await ended(page);
  await page.locator("#timeline-chart[data-ready]").waitFor();
  await page.getByRole("tab", { name: "Simulator" }).click();
  await page.getByText(/^Played in /).waitFor();
  assert.deepEqual(wrong, []);
  await page.context().close();
});

test("the simulator's tab can be linked to", async () => {
  const { page, wrong } = await open(browser, `${served.url}#simulator`);
  await page.getByText(/^Played in /).waitFor();
  assert.ok(await page.locator("#playground").isHidden());
  await page.goBack().catch(() => {});
  assert.deepEqual(wrong, []);
  await page.context().close();
});

test("what cannot be loaded is said", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/*.wasm", (route) => route.abort());
  await page.goto(served.url);
  await page.getByRole("alert").getByText(/^This cannot be loaded: /).waitFor();
  await page.getByRole("tab", { name: "Simulator" }).click();
  await page.getByText(/^Played in /).waitFor();
  await context.close();
});

test("nothing but the page and the package is served", async () => {
  const status = async (path) => (await fetch(new URL(path, served.url))).status;
  for (const path of ["main.js", "playground/chat.js", "dist/slim.js", "lib/uplot.js"]) assert.equal(await status(path), 200, path);
  const outside = ["..%2fCargo.toml", "dist/..%2f..%2fCargo.toml", "%2e%2e/%2e%2e/etc/passwd", "nowhere.js", "%zz", "lib/..%2f..%2fpackage.json", "lib/toString", "lib/zod/index.js"];
  for (const path of outside) assert.equal(await status(path), 404, path);
});

test("Ctrl-C ends the page and its provider", async () => {
  const second = await startPage();
  assert.notEqual(second.url, served.url, "a port that is taken is left alone");
  assert.equal(await second.end(), 0);
  await assert.rejects(fetch(second.url));
  await assert.rejects(fetch(second.provider));
});
