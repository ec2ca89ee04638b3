// The file under Deno, which checks its types, too.

import { installed } from "../../package/parts/installed.mjs";
import { endpointChecks } from "../parts/endpoint.mjs";
import { printed, settings, started } from "../parts/processes.mjs";

const FLAGS = ["--node-modules-dir=manual"];

export async function test({ folder, baseUrl }) {
  const deno = installed("@deno", process.platform === "win32" ? "deno.exe" : "deno");
  const problem = await printed([deno, "check", ...FLAGS, "main.ts"], folder, { NO_COLOR: "1" }).then(() => "", (error) => error.stderr || error.message);
  const model = `deno-${process.pid}`;
  // A free port in place of the 8000 that it has by default.
  const env = { ...settings(baseUrl, model), DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" };
  const server = await started([deno, "run", "--no-prompt", ...FLAGS, "--allow-net", "--allow-env", "main.ts"], folder, env);
  try {
    return [{ name: "is typed right", problem }, ...(await endpointChecks((init) => fetch(server.url, init), baseUrl, model))];
  } finally {
    server.stop();
  }
}
