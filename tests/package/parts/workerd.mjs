// Cloudflare's runtime on this machine. A worker is bundled as it is for deployment: its binary stays a file.

import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { Log, LogLevel, Miniflare } from "miniflare";

// What new workers get. Older dates report rejections as unhandled that are handled a moment later.
const COMPATIBILITY_DATE = "2026-04-01";

/** Bundles a worker's main module, and gives back a worker for {@link start}. */
export async function worker(project, name, main, { flags = [], compatibilityDate = COMPATIBILITY_DATE, ...settings } = {}) {
  const outfile = main.replace(/\.js$/, ".bundle.js");
  const conditions = ["workerd", "worker", "browser"];
  await build({ entryPoints: [main], outfile, bundle: true, format: "esm", conditions, external: ["*.wasm", "cloudflare:*"], logLevel: "warning" });
  const binary = readFileSync(project.path("node_modules/lockkeeper/dist/lockkeeper.wasm"));
  return {
    name,
    compatibilityDate,
    compatibilityFlags: flags,
    modules: [
      { type: "ESModule", path: "main.js", contents: readFileSync(outfile, "utf8") },
      { type: "CompiledWasm", path: "lockkeeper.wasm", contents: binary },
    ],
    ...settings,
  };
}

/** Starts workers, the first of which gets the requests from outside. */
export async function start(workers) {
  const miniflare = new Miniflare({ log: new Log(LogLevel.ERROR), cf: false, workers });
  return { url: await miniflare.ready, stop: () => miniflare.dispose() };
}
