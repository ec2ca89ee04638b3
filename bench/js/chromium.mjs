// The works in Chromium: a page for each contender, in a renderer of its own, which take turns. The CPU time is the
// renderer's main thread's, as Chromium's own tools tell it.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "../../scripts/browsers.mjs";
import { startServer } from "./server.mjs";

// What it would otherwise look up on the network, and where it runs as root in a container. `--site-per-process` and a
// host for each page: else they would share a renderer.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--site-per-process"];
const BINARY = /\.wasm$/;

/** What a page imports: each contender alone, bundled as its users would bundle it. */
async function bundles() {
  const { build } = await import("esbuild");
  const here = fileURLToPath(new URL(".", import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [`${here}contenders.mjs`],
    bundle: true,
    splitting: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    external: ["node:*"],
    outdir: "/",
    nodePaths: [`${here}node_modules`],
    plugins: [{ name: "browser-entry", setup: ({ onResolve }) => onResolve({ filter: /dist\/node\.js$/ }, () => ({ path: fileURLToPath(new URL("../../dist/browser.js", import.meta.url)) })) }],
    logLevel: "error",
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, contents]));
}

/** A server of an empty page, and what it imports. */
async function site() {
  const files = await bundles();
  const server = createServer(async ({ url }, response) => {
    const path = url.split("?")[0];
    const type = BINARY.test(path) ? "application/wasm" : path === "/" ? "text/html" : "text/javascript";
    const body = path === "/" ? "<!doctype html><title>bench</title>" : BINARY.test(path) ? await readFile(new URL(`node_modules/@xberg-io/liter-llm-wasm${path}`, import.meta.url)) : files.get(path);
    response.writeHead(body ? 200 : 404, { "content-type": type, "cache-control": "no-store" }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, stop: () => server.closeAllConnections() ?? server.close() };
}

async function launch() {
  const { chromium: playwright } = await import("playwright-core");
  return playwright.launch({ executablePath: await chromium(), args: FLAGS });
}

/** Measures each of these so often, in turn: a list of rounds. */
export async function inChromium(names, rounds, { model, chunks }, { warmUps }) {
  const [server, { port, stop }, browser] = await Promise.all([startServer(), site(), launch()]);
  try {
    const pages = [];
    for (const [i, name] of names.entries()) pages.push(await open(browser, `http://p${i}.localhost:${port}/`, name, server.url));
    const ask = ({ page, cpu }) => cpu(() => page.evaluate(streamThere, { model, chunks }));
    for (let i = 0; i < warmUps; i++) for (const page of pages) await ask(page);
    const taken = [];
    for (let i = 0; i < rounds; i++) {
      const round = [];
      for (const page of pages) round.push((await ask(page)) / chunks);
      taken.push(round);
    }
    return taken;
  } finally {
    await browser.close();
    stop();
    server.stop();
  }
}

/** A page with a contender, and what tells the CPU time of its thread. */
async function open(browser, address, name, url) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(address);
  await page.evaluate(startThere, { name, url });
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable", { timeDomain: "threadTicks" });
  const seconds = async () => {
    const { metrics } = await tools.send("Performance.getMetrics");
    return metrics.find((metric) => metric.name === "TaskDuration").value;
  };
  const cpu = async (work) => {
    const before = await seconds();
    await work();
    return ((await seconds()) - before) * 1e6;
  };
  return { page, cpu };
}

/** Runs in the page. */
async function startThere({ name, url }) {
  const { contenders } = await import("/contenders.js");
  globalThis.started = await contenders[name](url);
}

/** Runs in the page. */
async function streamThere({ model, chunks }) {
  let seen = 0;
  await globalThis.started.stream(model, () => (seen += 1));
  if (seen < chunks) throw new Error(`${seen} chunks of ${chunks}`);
}

/** Imports each package so often in a page that is new, until a client of it could ask. */
export async function startsInChromium(names, rounds) {
  const [{ port, stop }, browser] = await Promise.all([site(), launch()]);
  const start = async (name) => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(`http://start.localhost:${port}/`);
      await page.evaluate(() => import("/contenders.js")); // the bench's own
      return await page.evaluate(timeThere, name);
    } finally {
      await context.close();
    }
  };
  try {
    const taken = [];
    for (let i = 0; i < rounds; i++) {
      const round = [];
      for (const name of names) round.push(await start(name));
      taken.push(round);
    }
    return taken;
  } finally {
    await browser.close();
    stop();
  }
}

/** Runs in the page. */
async function timeThere(name) {
  const { contenders } = await import("/contenders.js");
  const begun = performance.now();
  await contenders[name]("http://127.0.0.1:9").then(({ ready }) => ready?.());
  return performance.now() - begun;
}
