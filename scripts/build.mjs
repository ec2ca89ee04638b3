// `npm run build`: makes the npm package's files in dist/. Does nothing while no input has changed.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, interruption, main, output, root, run } from "./run.mjs";
import { cargoHome, ensureCompiler, ensureStandardLibrary, npmPackages, npmProgram, WASM, wasmBindgen } from "./toolchain.mjs";
import { wasmText } from "./wasm-text.mjs";

export const dist = join(root, "dist");
const PROFILE = "npm";
// The standard library is built along, for size and without the texts of panics: a seventh of the binary. These
// are the pinned compiler's options of tomorrow, which it takes where it is told that we know.
const CARGO = {
  args: ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"],
  flags: ["-Zunstable-options", "-Cpanic=immediate-abort", "-Zlocation-detail=none", "-Zfmt-debug=none"],
  env: { RUSTC_BOOTSTRAP: "1" },
};
// What rustc's wasm32 has today, and every engine since 2022.
const WASM_FEATURES = ["bulk-memory", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext", "multivalue"];
const INPUTS = [
  "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "src", "js", "package-lock.json",
  "scripts/build.mjs", "scripts/wasm-text.mjs", 
];
const STAMP = join(dist, ".inputs");

/** Builds dist/ where it is not up to date. */
export async function build() {
  await ensureCompiler();
  await ensureStandardLibrary();
  const inputs = digest();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === inputs) {
    await npmPackages();
    return console.log("dist/ is up to date");
  }
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  const work = join(targetDirectory(), "npm-package");
  const client = { crate: "lockkeeper-js", name: "lockkeeper", work, folder: dist };
  const simulator = { crate: "lockkeeper-simulate-js", name: "simulator", work, folder: work };
  // Few of these keep two processors busy.
  await Promise.all([compile(client), npmPackages()]);
  await Promise.all([shrink(client), compile(simulator)]);
  await shrink(simulator);
  await bundle(work);
  addCommonJs();
  writeFileSync(STAMP, inputs);
  for (const name of readdirSync(dist).filter((name) => name !== ".inputs")) {
    console.log(`dist/${name.padEnd(18)} ${String(readFileSync(join(dist, name)).length).padStart(8)}`);
  }
}

/** Says in one word what dist/ is made of. */
function digest() {
  const hash = createHash("sha256").update(output(["rustc", "--version"]) ?? "");
  for (const file of INPUTS.flatMap((path) => files(join(root, path)))) {
    hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

function files(path) {
  if (!existsSync(path)) return [];
  const below = (entry) => (entry.isDirectory() ? files(join(path, entry.name)) : [join(path, entry.name)]);
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap(below);
  } catch {
    return [path]; // a file
  }
}

export function targetDirectory() {
  const metadata = output(["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], { stderr: "inherit" });
  if (!metadata) throw new Failure("cargo does not know this workspace");
  return JSON.parse(metadata).target_directory;
}

/** Compiles and binds: the glue in `work`. */
async function compile({ crate, name, work }) {
  const cargo = ["cargo", "build", "--profile", PROFILE, "--locked", "-p", crate, "--target", WASM, ...CARGO.args];
  await must(cargo, { ...CARGO.env, CARGO_ENCODED_RUSTFLAGS: [...CARGO.flags, ...withoutPlaces()].join("\x1f") });
  const compiled = join(targetDirectory(), WASM, PROFILE, `${crate.replaceAll("-", "_")}.wasm`);
  const names = ["--target", "web", "--no-typescript", "--out-name", name, "--out-dir", work];
  await must([await wasmBindgen(), compiled, ...names]);
  numberImports([`${name}_bg.wasm`, `${name}.js`].map((name) => join(work, name)));
}

/** Writes a binary into `folder` as small as it gets. */
async function shrink({ name, work, folder }) {
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const files = [join(work, `${name}_bg.wasm`), "-o", join(folder, `${name}.wasm`)];
  // The stack comes first, and what is static behind it: no address is small enough to be what a subtraction has
  // taken below 0.
  const facts = ["--low-memory-unused"];
  await must(["node", npmProgram("binaryen", "wasm-opt"), "-Oz", "--converge", "--strip-producers", "--strip-target-features", ...facts, ...features, ...files]);
}

/** wasm-bindgen's names for imports end in a hash, which nothing packs: a number of as many digits tells them apart as well. */
function numberImports(paths) {
  const numbers = new Map();
  const numbered = (_, name, hash) => {
    if (!numbers.has(hash)) numbers.set(hash, String(numbers.size).padStart(hash.length, "0"));
    return name + numbers.get(hash);
  };
  for (const path of paths) {
    const bytes = readFileSync(path, "latin1"); // a character each, which are written as they were read
    writeFileSync(path, bytes.replace(/(\b__wbg_\w+_)([0-9a-f]{16})\b/g, numbered), "latin1");
  }
}

/** The same bytes on every machine, and no machine's folders in them. */
function withoutPlaces() {
  const library = join(output(["rustc", "--print", "sysroot"]).trim(), "lib/rustlib/src/rust");
  const commit = /^commit-hash: (.+)$/m.exec(output(["rustc", "-vV"]))[1];
  // The library's own name for its place, which it has wherever its source is not installed.
  const places = [[library, `/rustc/${commit}`], [cargoHome, "/cargo"], [root, "/lockkeeper"]];
  return places.map(([from, to]) => `--remap-path-prefix=${from.replace(/[\\/]$/, "")}=${to}`);
}

/** Bundles the API with the glue into one file, which the entries import; the binary's text is in those that need it. */
async function bundle(work) {
  const { build: esbuild } = await import("esbuild");
  const decoder = join(work, "decoder.wasm");
  await must(["node", npmProgram("binaryen", "wasm-opt"), "-O3", join(root, "js/entries/parts/decoder.wat"), "-o", decoder]);
  const binary = asText(join(dist, "lockkeeper.wasm"), decoder, join(work, "binary.js"));
  const sources = join(root, "js/entries");
  const entries = readdirSync(sources).filter((name) => name.endsWith(".js"));
  const common = { bundle: true, minify: true, format: "esm", target: "es2022", outdir: dist, logLevel: "warning" };
  // The glue names a module once for each thing that it imports from it.
  const logOverride = { "duplicate-object-key": "silent" };
  await esbuild({
    ...common,
    logOverride,
    plugins: [oneCopy],
    entryPoints: { api: join(root, "js/api/index.js") },
    external: ["node:*"],
    alias: { "lockkeeper-core": join(work, "lockkeeper.js") },
  });
  await esbuild({
    ...common,
    entryPoints: entries.map((name) => join(sources, name)),
    plugins: [shortLua],
    external: ["node:*", "cloudflare:*", "./api.js", "./lockkeeper.wasm", "./lockkeeper.wasm?module"],
    alias: { "lockkeeper-binary": binary },
  });
  // A file of its own, for those who use it; the errors are the API's, so that there is one LLMError.
  await esbuild({ ...common, entryPoints: { functions: join(root, "js/functions/index.js") }, external: ["./api.js"] });
  // The same for the simulator, with an engine that is not the client's.
  const simulator = asText(join(work, "simulator.wasm"), decoder, join(work, "simulator-binary.js"));
  await esbuild({
    ...common,
    logOverride,
    entryPoints: { simulate: join(root, "js/simulate/index.js") },
    alias: { "lockkeeper-simulator": join(work, "simulator.js"), "lockkeeper-binary": simulator },
  });
}

/** Writes a module that is a binary's text, in two ways, and gives back its path. */
function asText(binary, decoder, path) {
  const base64 = (path) => `"${readFileSync(path, "base64")}"`;
  const parts = { text: wasmText(readFileSync(binary)), decoder: base64(decoder), base64: base64(binary) };
  writeFileSync(path, Object.entries(parts).map(([name, value]) => `export const ${name} = ${value};\n`).join(""));
  return path;
}

/** The glue comes with copies of the API's modules that it imports: the bundle takes the originals. */
const oneCopy = {
  name: "one-copy",
  setup({ onResolve }) {
    onResolve({ filter: /\/snippets\/lockkeeper-js-\w+\// }, ({ path }) => ({ path: join(root, "js", path.replace(/^.*?\/lockkeeper-js-\w+\//, "")) }));
  },
};

/** A script is sent over the wire, as text: its comments and its indents stay here. */
const shortLua = {
  name: "short-lua",
  setup({ onLoad }) {
    onLoad({ filter: /\.lua$/ }, ({ path }) => {
      const lines = readFileSync(path, "utf8").split("\n").map((line) => line.trim());
      return { contents: lines.filter((line) => line && !line.startsWith("--")).join("\n"), loader: "text" };
    });
  },
};

/** CommonJS gets the same modules, and TypeScript the same types once more under the name that it asks for. */
function addCommonJs() {
  for (const name of ["node", "slim", "redis", "functions", "simulate"]) writeFileSync(join(dist, `${name}.cjs`), `module.exports = require("./${name}.js");\n`);
  for (const name of ["index", "slim", "functions", "simulate", "wasm", "redis", "cloudflare"]) {
    const types = readFileSync(join(root, `js/${name}.d.ts`), "utf8");
    writeFileSync(join(dist, `${name}.d.ts`), types);
    if (!["wasm", "cloudflare"].includes(name)) writeFileSync(join(dist, `${name}.d.cts`), types.replaceAll('"./index.js"', '"./index.cjs"'));
  }
}

async function must(command, env) {
  console.log(`$ ${command.join(" ")}`);
  const code = await run(command, { env });
  if (code !== 0) throw new Failure(`failed: ${command[0]}`, interruption() ?? code);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(build);
