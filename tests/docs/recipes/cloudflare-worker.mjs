// The worker in Cloudflare's runtime, with its own wrangler.jsonc for settings.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { start, worker } from "../../package/parts/workerd.mjs";
import { endpointChecks } from "../parts/endpoint.mjs";
import { settings } from "../parts/processes.mjs";

export async function test({ folder, project, baseUrl }) {
  const { main, compatibility_date: compatibilityDate, durable_objects, migrations, vars } = JSON.parse(readFileSync(join(folder, "wrangler.jsonc"), "utf8"));
  const model = `worker-${process.pid}`;
  const [{ name, class_name }] = durable_objects.bindings;
  const useSQLite = migrations.some(({ new_sqlite_classes }) => new_sqlite_classes.includes(class_name));
  const options = { compatibilityDate, bindings: { ...vars, ...settings(baseUrl, model) }, durableObjects: { [name]: { className: class_name, useSQLite } } };
  const { url, stop } = await start([await worker(project, "chat", join(folder, main), options)]);
  try {
    const get = await fetch(url);
    return [
      ...(await endpointChecks((init) => fetch(url, init), baseUrl, model)),
      { name: "takes nothing but POST", problem: get.status === 405 ? "" : `status ${get.status}` },
    ];
  } finally {
    await stop();
  }
}
