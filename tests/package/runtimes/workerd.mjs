// Cloudflare's workers, all within one request.

import { write } from "../parts/project.mjs";
import { serve } from "../parts/server.mjs";
import { start, worker } from "../parts/workerd.mjs";

export async function test({ project, baseUrl }) {
  const files = await serve(project.folder);
  const settings = JSON.stringify({ baseUrl, configFile: `${files.url}provider.json` });
  const main = write(
    project,
    "workerd/main.js",
    `import * as lockkeeper from "lockkeeper";
    import { scenario } from "../scenario.js";
    export default { fetch: async () => Response.json(await scenario(lockkeeper, ${settings})) };`,
  );
  const { url, stop } = await start([await worker(project, "main", main)]);
  try {
    return await (await fetch(url)).json();
  } finally {
    await stop();
    files.stop();
  }
}
