// Node, by import.

import { mainModule } from "../parts/main-module.mjs";
import { reportOf } from "../parts/program.mjs";
import { write } from "../parts/project.mjs";

export function test({ project }) {
  return reportOf(project, [process.execPath, write(project, "node-esm/main.mjs", mainModule(project))]);
}
