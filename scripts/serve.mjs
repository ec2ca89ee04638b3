// Serves the page, and /config.json from memory. To this machine only.

import { once } from "node:events";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileAt, policyOf } from "./site.mjs";

const PREFERRED_PORT = 8080;

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Serves with `config` as what /config.json says, and resolves to the server and its address. */
export async function serve(config) {
  const headers = await commonHeaders();
  const server = createServer(async (request, response) => {
    const { status, type, body } = await answer(request, config);
    response.writeHead(status, { ...headers, "content-type": type, "content-length": body.length });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await listen(server);
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

/** Listens on the preferred port, or where that is taken on any other. */
async function listen(server) {
  for (const port of [PREFERRED_PORT, 0]) {
    try {
      server.listen(port, "127.0.0.1");
      return await once(server, "listening");
    } catch (error) {
      if (port === 0) throw error;
    }
  }
}

const plain = (status, text) => ({ status, type: "text/plain; charset=utf-8", body: Buffer.from(`${text}\n`) });

async function answer(request, config) {
  if (!["GET", "HEAD"].includes(request.method)) return plain(405, "GET or HEAD only");
  const path = pathOf(request.url);
  if (path === "/config.json") return { status: 200, type: TYPES[".json"], body: Buffer.from(JSON.stringify(config)) };
  const type = TYPES[extname(path)];
  const body = type && (await fileAt(path));
  return body ? { status: 200, type, body } : plain(404, "not found");
}

/** The path as it was asked for, its dots unresolved; empty where it cannot be read. */
function pathOf(url) {
  try {
    const path = decodeURIComponent(url.split(/[?#]/)[0]);
    return path === "/" ? "/index.html" : path;
  } catch {
    return "";
  }
}

/** What every answer says. */
async function commonHeaders() {
  const policy = policyOf((await fileAt("/index.html")).toString());
  return {
    "content-security-policy": [...policy, "frame-ancestors 'none'"].join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  };
}
