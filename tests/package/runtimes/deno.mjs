// Deno, which may read nothing but the configuration: the package needs no more.

import { mainModule } from "../parts/main-module.mjs";
import { installed } from "../parts/installed.mjs";
import { reportOf } from "../parts/program.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  const main = write(project, "deno/main.mjs", mainModule(project));
  const rights = ["--allow-net=127.0.0.1", `--allow-read=${project.path("provider.json")}`];
  const deno = installed("@deno", process.platform === "win32" ? "deno.exe" : "deno");
  return reportOf(project, [deno, "run", "--no-prompt", "--node-modules-dir=manual", ...rights, main], { NO_COLOR: "1" });
}
