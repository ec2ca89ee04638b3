// TypeScript, as strict as it gets, as projects with and without a bundler set it up; and what checks packages.

import { execFile } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { npmProgram } from "../../../scripts/toolchain.mjs";
import { lend, write } from "../parts/project.mjs";

const STRICT = { strict: true, noEmit: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, types: [] };
// What users' programs have beside the library.
const LENT = ["openai", "@types/node", "undici-types", "zod", "valibot", "@valibot/to-json-schema", "arktype"];
const MODERN = { target: "es2022", lib: ["esnext", "dom"] };

// The binary is no program, workers know nothing but modules, and TypeScript's old way to find modules knows no second
// entry.
const ATTW = ["--exclude-entrypoints", "wasm", "cloudflare", "--profile", "node16", "--format", "ascii"];

export async function test({ project }) {
  for (const name of LENT) lend(project, name);
  const all = ["usage.mts", "functions.mts", "simulate.mts", "commonjs.cts"];
  for (const file of all) cpSync(new URL(`../types/${file}`, import.meta.url), project.path("types", file));
  const [types, functions, simulate] = ["index", "functions", "simulate"].map((name) => project.path(`node_modules/lockkeeper/dist/${name}.d.ts`));
  const compiles = (name, options, files = all) => ({ name, problem: () => compile(project, name, { ...STRICT, ...MODERN, ...options }, files) });
  const checks = [
    compiles("for node16", { module: "node16", moduleResolution: "node16", skipLibCheck: true }),
    compiles("for a bundler", { module: "esnext", moduleResolution: "bundler", skipLibCheck: true }, all.slice(0, -1)),
    compiles("by themselves, in a browser", { module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom"] }, [types, functions, simulate]),
    compiles("by themselves, in Node", { module: "node16", moduleResolution: "node16", lib: ["es2022"], types: ["node"] }, [types, functions, simulate]),
    { name: "say any nowhere", problem: () => [types, functions, simulate].map(anywhere).find((problem) => problem) },
    { name: "name what the package exports", problem: () => differences(project, types) },
    { name: "name what its functions export", problem: () => differences(project, functions, "lockkeeper/functions") },
    { name: "name what its simulator exports", problem: () => differences(project, simulate, "lockkeeper/simulate") },
    { name: "please publint", problem: () => run(npmProgram("publint"), ["run", project.archive, "--strict"]) },
    { name: "please attw", problem: () => run(npmProgram("@arethetypeswrong/cli", "attw"), [project.archive, ...ATTW]) },
  ];
  const results = [];
  for (const { name, problem } of checks) results.push({ name, problem: await problem() });
  return results;
}

function compile(project, name, compilerOptions, files) {
  const config = write(project, `types/${name.replaceAll(/\W+/g, "-")}.json`, { compilerOptions, files });
  return run(npmProgram("typescript", "tsc"), ["-p", config]);
}

function anywhere(types) {
  const code = readFileSync(types, "utf8").replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
  return /\bany\b/.test(code) ? `${types} says any` : undefined;
}

/** What the types declare and what the package exports must be the same names. */
async function differences(project, types, name = "lockkeeper") {
  const declared = [...readFileSync(types, "utf8").matchAll(/^export (?:class|function|const) (\w+)/gm)].map((match) => match[1]);
  const script = `import("${name}").then((all) => console.log(Object.keys(all).join()))`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: project.folder });
  const [left, right] = [declared.sort().join(), stdout.trim().split(",").sort().join()];
  return left === right ? undefined : `declared: ${left}\nexported: ${right}`;
}

/** Runs a program of Node's; what it says is the problem if it fails. */
async function run(program, args) {
  try {
    await promisify(execFile)(process.execPath, [program, ...args], { timeout: 120_000 });
  } catch ({ stdout, stderr, message }) {
    return [stdout, stderr].join("\n").trim() || message;
  }
}
