// Serves the page: www/ at the root, the package's dist/ under /dist/, what it has from others under /lib/, and
// /config.json from memory. To this machine only.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, realpath } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { root } from "./run.mjs";

const PREFERRED_PORT = 8080;

/** What the page has from npm, by its name under /lib/. */
export const LIBRARIES = {
  "marked.js": "marked/lib/marked.esm.js",
  "uplot.js": "uplot/dist/uPlot.iife.min.js",
  "uplot.css": "uplot/dist/uPlot.min.css",
};

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Serves with `config` as what /config.json says, and resolves to the server and its address. */
export async function serve(config) {
  const folders = { dist: await realpath(join(root, "dist")), lib: join(root, "node_modules"), www: await realpath(join(root, "www")) };
  const headers = await commonHeaders(folders.www);
  const server = createServer(async (request, response) => {
    const { status, type, body } = await answer(request, folders, config);
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

async function answer(request, folders, config) {
  if (!["GET", "HEAD"].includes(request.method)) return plain(405, "GET or HEAD only");
  const path = pathOf(request.url);
  if (path === "/config.json") return { status: 200, type: TYPES[".json"], body: Buffer.from(JSON.stringify(config)) };
  const type = TYPES[extname(path)];
  const body = type && (await fileAt(path, folders));
  return body ? { status: 200, type, body } : plain(404, "not found");
}

function fileAt(path, { dist, lib, www }) {
  if (path.startsWith("/dist/")) return read(dist, path.slice(6));
  if (!path.startsWith("/lib/")) return read(www, path.slice(1));
  const name = path.slice(5);
  return Object.hasOwn(LIBRARIES, name) ? read(lib, LIBRARIES[name]) : undefined;
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

/** A file in a folder, or undefined if it is not there or lies elsewhere. */
async function read(folder, name) {
  try {
    const file = await realpath(join(folder, name));
    return file.startsWith(folder + sep) ? await readFile(file) : undefined;
  } catch {
    return undefined;
  }
}

/** What every answer says; above all, that the page may run nothing but its own scripts. */
async function commonHeaders(www) {
  const page = await readFile(join(www, "index.html"), "utf8");
  const importMap = /<script type="importmap">([^]*?)<\/script>/.exec(page)[1];
  // An import map has to stand in the page, so it is allowed by its hash.
  const hash = createHash("sha256").update(importMap).digest("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self'",
    // The provider: a service of the user's choice, or any on this machine.
    "connect-src 'self' https: http://127.0.0.1:* http://localhost:*",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  };
}
