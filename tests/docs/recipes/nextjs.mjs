// The route as Next.js calls it, bundled without its types, in Node and on the Edge runtime. What needs Next.js itself,
// which is larger than all else here together, is type-checked.

import { build } from "esbuild";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { settings } from "../parts/processes.mjs";
import { endpointChecks } from "../parts/endpoint.mjs";

const URL_OF_PAGE = "http://localhost:3000/api/chat";

export async function test({ folder, baseUrl }) {
  const outfile = join(folder, "route.mjs");
  await build({ entryPoints: [join(folder, "app/api/chat/route.ts")], outfile, bundle: true, format: "esm", platform: "node", packages: "external", logLevel: "warning" });
  await build({ entryPoints: [join(folder, "app/page.tsx")], outfile: join(folder, "page.js"), bundle: true, format: "esm", jsx: "automatic", logLevel: "warning" });
  const { POST } = await import(pathToFileURL(outfile));
  const model = `next-${process.pid}`;
  Object.assign(process.env, settings(baseUrl, model));
  return endpointChecks((init) => POST(new Request(URL_OF_PAGE, init)), baseUrl, model);
}
