// Vercel's edge runtime, with the binary compiled by the platform as it is there.

import { EdgeRuntime } from "edge-runtime";
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { write } from "../parts/project.mjs";
import { serveScenario } from "../parts/server.mjs";

/** What the platform's bundler does with `import binary from "./x.wasm?module"`. */
const compiledBinaries = {
  name: "compiled-binaries",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: "binary" }));
    onLoad({ filter: /.*/, namespace: "binary" }, () => ({ contents: "export default globalThis.COMPILED_BINARY" }));
  },
};

export async function test({ project }) {
  const files = await serveScenario(project);
  const main = write(
    project,
    "edge-runtime/main.js",
    `import * as lockkeeper from "lockkeeper";
    import * as functions from "lockkeeper/functions";
    import { scenario } from "../scenario.js";
    addEventListener("fetch", (event) =>
      event.respondWith(scenario({ ...lockkeeper, functions }, ${files.settings}).then((report) => new Response(JSON.stringify(report)))));`,
  );
  const conditions = ["edge-light", "worker", "browser"];
  const options = { bundle: true, write: false, conditions, plugins: [compiledBinaries], logLevel: "warning" };
  const { outputFiles } = await build({ entryPoints: [main], ...options });
  const binary = new WebAssembly.Module(readFileSync(project.path("node_modules/lockkeeper/dist/lockkeeper.wasm")));
  const runtime = new EdgeRuntime({ initialCode: outputFiles[0].text, extend: (context) => Object.assign(context, { COMPILED_BINARY: binary }) });
  try {
    return await (await runtime.dispatchFetch("http://worker.example/")).json();
  } finally {
    files.stop();
  }
}
