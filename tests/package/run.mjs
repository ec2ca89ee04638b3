// Tests the npm package as users get it: packed, installed elsewhere, run by each runtime in turn.
//
//   node scripts/with-provider.mjs node tests/package/run.mjs            all runtimes
//   node scripts/with-provider.mjs node tests/package/run.mjs node-esm   that one

import { readdirSync } from "node:fs";
import { Failure, main } from "../../scripts/run.mjs";
import { closeChromium } from "./parts/chromium.mjs";
import { makeProject, removeProject } from "./parts/project.mjs";
import { report } from "./parts/report.mjs";

const runtimes = readdirSync(new URL("runtimes", import.meta.url)).map((file) => file.replace(/\.mjs$/, ""));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !runtimes.includes(name));

main(async () => {
  if (unknown.length) throw new Failure(`unknown: ${unknown.join(" ")}; there are ${runtimes.join(" ")}`, 2);
  const baseUrl = process.env.LOCKKEEPER_TEST_BASE_URL;
  if (!baseUrl) throw new Failure("run this with scripts/with-provider.mjs");
  const project = makeProject(baseUrl);
  try {
    let failed = 0;
    for (const name of asked.length ? asked : runtimes) {
      const runtime = await import(`./runtimes/${name}.mjs`);
      failed += await report(name, () => runtime.test({ project, baseUrl }));
    }
    return failed ? 1 : 0;
  } finally {
    await closeChromium();
    removeProject(project);
    // Whatever a runtime has left running must not keep us.
    setTimeout(() => process.exit(), 3000).unref();
  }
});
