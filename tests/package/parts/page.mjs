// Pages that run the scenario.

import { write } from "./project.mjs";

/** The main module of a page, which a bundler or the browser itself links. */
export function pageModule({ baseUrl }, { library = "lockkeeper", functions = "lockkeeper/functions", simulator = "lockkeeper/simulate", scenario = "../scenario.js", before = "" } = {}) {
  return `import * as lockkeeper from "${library}";
import * as functions from "${functions}";
import * as simulator from "${simulator}";
import { scenario } from "${scenario}";
${before}
const configFile = new URL("/provider.json", location.href).href;
globalThis.report = scenario({ ...lockkeeper, functions, simulator }, { baseUrl: "${baseUrl}", configFile });
`;
}

/** Writes a page that loads a script. */
export function writePage(project, name, script, type = "module") {
  const tag = type === "classic" ? `<script src="${script}"></script>` : `<script type="module" src="${script}"></script>`;
  return write(project, name, `<!doctype html><meta charset="utf-8"><title>lockkeeper</title><link rel="icon" href="data:,">${tag}`);
}
