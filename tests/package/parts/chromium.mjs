// One headless Chromium for all pages.

import { chromium as playwright } from "playwright-core";
import { chromium } from "../../../scripts/browsers.mjs";
import { serve } from "./server.mjs";

// What it would otherwise look up on the network, and where it runs as root in a container.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let browser;

/** Opens `path` of the project, and resolves to what its `globalThis.report` comes to. `headers` go with every file. */
export async function openPage(project, path, { headers = {} } = {}) {
  browser ??= await playwright.launch({ executablePath: await chromium(), args: FLAGS });
  const server = await serve(project.folder, headers);
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  try {
    await page.goto(server.url + path);
    await page.waitForFunction(() => globalThis.report, undefined, { timeout: 20_000 });
    return await page.evaluate(() => globalThis.report);
  } catch (error) {
    throw new Error([error.message, ...errors].join("\n"));
  } finally {
    await context.close();
    server.stop();
  }
}

/** Opens a URL for a test that clicks; an error in the page's console fails it. */
export async function withPage(url, body) {
  browser ??= await playwright.launch({ executablePath: await chromium(), args: FLAGS });
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.setDefaultTimeout(20_000);
  try {
    await page.goto(url);
    const results = await body(page);
    return [...results, { name: "no error in the console", problem: errors.join("\n") }];
  } catch (error) {
    throw new Error([error.message, ...errors].join("\n"));
  } finally {
    await page.close();
  }
}

export async function closeChromium() {
  await browser?.close();
}
