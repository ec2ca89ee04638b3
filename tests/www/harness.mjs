// Starts what `npm start` starts, and a browser to look at it.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const BROWSERS = ["chromium", "google-chrome", "chrome"];
const FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--disable-background-networking"];

/** Serves the page, and resolves to its address and to what ends it. */
export async function startPage() {
  const child = spawn(process.execPath, ["scripts/page.mjs"], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface(child.stdout);
  const [url] = await Promise.race([
    once(lines, "line"),
    exited.then(([code]) => Promise.reject(new Error(`the page's server ended with ${code}`))),
  ]);
  const { baseUrl, apiKeys } = await (await fetch(`${url}config.json`)).json();
  const end = async () => {
    child.kill("SIGINT");
    return (await exited)[0];
  };
  return { url, apiKeys, provider: new URL("/_control/", baseUrl).href, end };
}

/** Serves a page of a test's own by this listener: its address, and what ends it. */
export async function startSite(listener) {
  const site = createServer(listener);
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const end = () => {
    site.closeAllConnections();
    site.close();
  };
  return { url: `http://127.0.0.1:${site.address().port}/`, end };
}

export async function startBrowser() {
  const name = BROWSERS.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!name) throw new Error(`none of these browsers is on the PATH: ${BROWSERS.join(", ")}`);
  const executablePath = spawnSync("which", [name], { encoding: "utf8" }).stdout.trim();
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Opens the page, and collects what goes wrong in it: errors, and requests that fail or are refused. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("requestfailed", (request) => wrong.push(`failed: ${request.url()} ${request.failure().errorText}`));
  await page.goto(url);
  await page.locator("html[data-ready]").waitFor();
  return { page, wrong };
}

/** The provider's log, or what else it has to say. */
export async function ask(provider, path, method = "GET", body = undefined) {
  return (await fetch(provider + path, { method, body: body && JSON.stringify(body) })).json();
}

/** Clears the provider's log, and gives its keys all that they may use, as at the start. */
export async function renew({ provider, apiKeys }) {
  await ask(provider, "log", "DELETE");
  const { keys } = await ask(provider, "settings");
  // Keys that keep their limits keep their levels, too.
  await ask(provider, "settings", "POST", { keys: [] });
  await ask(provider, "settings", "POST", { keys: keys.map((key, i) => ({ ...key, key: apiKeys[i] })) });
}

/** Asks again and again until the answer is truthy; gives it back. */
export async function until(question, what, timeout = 15_000) {
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    const answer = await question();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`in vain: ${what}`);
}

const folder = new URL("../../target/www-screenshots/", import.meta.url);

/** Takes a picture for people to look at. */
export async function picture(page, name, options = {}) {
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, folder)), ...options });
}
