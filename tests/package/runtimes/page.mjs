// Chromium without a bundler, under the strictest policy that lets WebAssembly run at all.

import { openPage } from "../parts/chromium.mjs";
import { pageModule, writePage } from "../parts/page.mjs";
import { write } from "../parts/project.mjs";

const POLICY = { "content-security-policy": "script-src 'self' 'wasm-unsafe-eval'" };

export function test({ project }) {
  const dist = "/node_modules/lockkeeper/dist";
  write(project, "page/main.js", pageModule(project, { library: `${dist}/browser.js`, functions: `${dist}/functions.js`, simulator: `${dist}/simulate.js`, scenario: "/scenario.js" }));
  writePage(project, "page/index.html", "main.js");
  return openPage(project, "page/index.html", { headers: POLICY });
}
