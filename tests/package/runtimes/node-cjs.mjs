// Node, by require: the same module as by import, so that an error's class is the same for both.

import { settings } from "../parts/main-module.mjs";
import { reportOf } from "../parts/program.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  const main = `
    const lockkeeper = require("lockkeeper");
    const functions = require("lockkeeper/functions");
    const simulator = require("lockkeeper/simulate");
    const { scenario } = require("../scenario.js");
    (async () => {
      const report = await scenario({ ...lockkeeper, functions, simulator }, ${settings(project)});
      const imported = await import("lockkeeper");
      const problem = imported.LLMError === lockkeeper.LLMError ? undefined : "two copies of the library";
      console.log(JSON.stringify([...report, { name: "is what import gives", problem }]));
    })();`;
  return reportOf(project, [process.execPath, write(project, "node-cjs/main.cjs", main)]);
}
