// Bundles of esbuild: a classic script in Chromium, and one file of CommonJS in Node, as functions are deployed.

import { build } from "esbuild";
import { openPage } from "../parts/chromium.mjs";
import { settings } from "../parts/main-module.mjs";
import { pageModule, writePage } from "../parts/page.mjs";
import { reportOf } from "../parts/program.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  return [...(await inChromium(project)), ...(await inNode(project))];
}

async function inChromium(project) {
  const main = write(project, "esbuild/main.js", pageModule(project));
  await build({ entryPoints: [main], outfile: project.path("esbuild/bundle.js"), bundle: true, minify: true, logLevel: "warning" });
  writePage(project, "esbuild/index.html", "bundle.js", "classic");
  return openPage(project, "esbuild/index.html");
}

async function inNode(project) {
  const main = write(
    project,
    "esbuild/node.js",
    `import * as lockkeeper from "lockkeeper";
    import * as functions from "lockkeeper/functions";
    import { scenario } from "../scenario.js";
    scenario({ ...lockkeeper, functions }, ${settings(project)}).then((report) => console.log(JSON.stringify(report)));`,
  );
  const outfile = project.path("esbuild/node.cjs");
  await build({ entryPoints: [main], outfile, bundle: true, platform: "node", format: "cjs", logLevel: "warning" });
  const report = await reportOf(project, [process.execPath, outfile]);
  return report.map(({ name, problem }) => ({ name: `${name}, in Node`, problem }));
}
