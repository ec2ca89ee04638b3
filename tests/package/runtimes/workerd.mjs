// Cloudflare's workers, all within one request.

import { write } from "../parts/project.mjs";
import { serveScenario } from "../parts/server.mjs";
import { start, worker } from "../parts/workerd.mjs";

export async function test({ project }) {
  const files = await serveScenario(project);
  const main = write(
    project,
    "workerd/main.js",
    `import * as lockkeeper from "lockkeeper";
    import * as functions from "lockkeeper/functions";
    import { scenario } from "../scenario.js";
    export default { fetch: async () => Response.json(await scenario({ ...lockkeeper, functions }, ${files.settings})) };`,
  );
  const { url, stop } = await start([await worker(project, "main", main)]);
  try {
    return await (await fetch(url)).json();
  } finally {
    await stop();
    files.stop();
  }
}
