// Bun.

import { installed } from "../parts/installed.mjs";
import { mainModule } from "../parts/main-module.mjs";
import { reportOf } from "../parts/program.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  const bun = installed("@oven", process.platform === "win32" ? "bin/bun.exe" : "bin/bun");
  return reportOf(project, [bun, "run", write(project, "bun/main.mjs", mainModule(project))]);
}
