// What the page is made of, by the paths that browsers ask for: www/ at the root, its scripts bundled and all of it
// minified, the package's dist/ under /dist/, and what the page has from npm under /lib/.
// `npm run site -- folder` builds the package and writes all of it into a folder, for any host of static files.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { dirname, extname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";
import { main, root } from "./run.mjs";

/** What the page has from npm, by its name under /lib/. */
const LIBRARIES = {
  "marked.js": "marked/lib/marked.esm.js",
  "uplot.js": "uplot/dist/uPlot.iife.min.js",
  "uplot.css": "uplot/dist/uPlot.min.css",
};
const [WWW, DIST, MODULES] = ["www", "dist", "node_modules"].map((name) => join(root, name));
/** The scripts that are asked for by their names; what they share, and what they load later, gets files of its own. */
const SCRIPTS = ["main.js", "playground/main.js", "simulator/main.js"];
/** Of dist/, what browsers can use from a file of their own. */
const FOR_PAGES = /^(?!node|browser|redis|cloudflare|workerd|edge-light).*\.(js|wasm)$/;

/** The file at a path such as `/main.js`, as it is sent; undefined where there is none. */
export async function fileAt(path) {
  if (path.startsWith("/dist/")) return read(DIST, path.slice(6));
  if (path.startsWith("/lib/")) return Object.hasOwn(LIBRARIES, path.slice(5)) ? read(MODULES, LIBRARIES[path.slice(5)]) : undefined;
  const name = path === "/" ? "index.html" : path.slice(1);
  const bundled = name.endsWith(".js") && (await scripts()).get(name);
  const text = bundled || (await read(WWW, name));
  return text && !bundled ? minified(text, extname(name)) : text;
}

/** The page's scripts by their names. A few files are quicker to load than many, and smaller. */
async function scripts() {
  const { build: esbuild } = await import("esbuild"); // it may not be installed before the build
  const { outputFiles } = await esbuild({
    entryPoints: SCRIPTS.map((name) => join(WWW, name)),
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: WWW,
    outbase: WWW,
    chunkNames: "parts/[hash]",
    write: false,
    external: ["lockkeeper"],
    ignoreAnnotations: true, // they are the package's
    logLevel: "warning",
  });
  return new Map(outputFiles.map(({ path, contents }) => [relative(WWW, path).replaceAll(sep, "/"), Buffer.from(contents)]));
}

async function minified(text, extension) {
  const loader = { ".js": "js", ".css": "css" }[extension]; // a worker's script stands alone
  if (!loader) return text;
  const { transform } = await import("esbuild");
  return Buffer.from((await transform(text.toString(), { loader, minify: true, target: "es2022" })).code);
}

/** A file in a folder, or undefined if it is not there or lies elsewhere. */
async function read(folder, name) {
  try {
    const file = await realpath(join(folder, name));
    return file.startsWith((await realpath(folder)) + sep) ? await readFile(file) : undefined;
  } catch {
    return undefined;
  }
}

/** What the page may do; above all, it may run nothing but its own scripts. */
export function policyOf(page) {
  const importMap = /<script type="importmap">([^]*?)<\/script>/.exec(page)[1];
  // An import map has to stand in the page, so it is allowed by its hash.
  const hash = createHash("sha256").update(importMap).digest("base64");
  return [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'`,
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    // The provider: a service of the user's choice, or any on this machine.
    "connect-src 'self' https: http://127.0.0.1:* http://localhost:*",
    "base-uri 'none'",
    "form-action 'none'",
  ];
}

/** Every path that there is. */
async function paths() {
  const files = readdirSync(WWW, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const www = files.map((entry) => `/${relative(WWW, join(entry.parentPath, entry.name)).replaceAll(sep, "/")}`);
  return [
    ...www.filter((path) => !path.endsWith(".js") || path.endsWith("/worker.js")),
    ...[...(await scripts()).keys()].map((name) => `/${name}`),
    ...readdirSync(DIST).filter((name) => FOR_PAGES.test(name)).map((name) => `/dist/${name}`),
    ...Object.keys(LIBRARIES).map((name) => `/lib/${name}`),
  ];
}

/** Writes the page into a folder, which is emptied first. There is no provider beside it, and it says so itself. */
export async function writeSite(folder) {
  rmSync(folder, { recursive: true, force: true });
  for (const path of await paths()) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    const body = await fileAt(path);
    writeFileSync(file, path === "/index.html" ? standingAlone(body.toString()) : body);
  }
}

/** A static host sends no headers of ours: the page brings its policy along. */
function standingAlone(page) {
  const policy = `<meta http-equiv="content-security-policy" content="${policyOf(page).join("; ")}">`;
  return page.replace('<html lang="en">', '<html lang="en" data-provider="none">').replace('<meta charset="utf-8">', `$&\n  ${policy}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(async () => {
    await build();
    const folder = resolve(process.argv[2] ?? join(root, "site"));
    await writeSite(folder);
    console.log(`The page is in ${folder}. Any host of static files will do, such as: python3 -m http.server -d ${folder}`);
  });
}
