// A service worker, which can neither be a module that awaits nor wait before it listens. It takes the slim entry.

import { build } from "esbuild";
import { openPage } from "../parts/chromium.mjs";
import { writePage } from "../parts/page.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  const worker = write(
    project,
    "service-worker/worker.js",
    `import * as lockkeeper from "lockkeeper/slim";
    import * as functions from "lockkeeper/functions";
    import { scenario } from "../scenario.js";
    addEventListener("install", () => skipWaiting());
    addEventListener("activate", (event) => event.waitUntil(clients.claim()));
    addEventListener("message", (event) => event.waitUntil(answer(event.ports[0])));
    async function answer(port) {
      lockkeeper.init(await WebAssembly.compileStreaming(fetch("/node_modules/lockkeeper/dist/lockkeeper.wasm")));
      const configFile = new URL("/provider.json", location.href).href;
      port.postMessage(await scenario({ ...lockkeeper, functions }, { baseUrl: "${project.baseUrl}", configFile }));
    }`,
  );
  await build({ entryPoints: [worker], outfile: project.path("service-worker/bundle.js"), bundle: true, logLevel: "warning" });
  write(
    project,
    "service-worker/main.js",
    `await navigator.serviceWorker.register("bundle.js");
    const { active } = await navigator.serviceWorker.ready;
    const channel = new MessageChannel();
    globalThis.report = new Promise((resolve) => (channel.port1.onmessage = (event) => resolve(event.data)));
    active.postMessage("go", [channel.port2]);`,
  );
  writePage(project, "service-worker/index.html", "main.js");
  return openPage(project, "service-worker/index.html");
}
