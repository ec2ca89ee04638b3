// Code that is not run is type-checked: fragments beside what they take for granted, files of TypeScript as strictly as it gets.

import { execFile } from "node:child_process";
import { cpSync } from "node:fs";
import { promisify } from "node:util";
import { npmProgram } from "../../../scripts/toolchain.mjs";
import { write } from "../../package/parts/project.mjs";
import { isRun } from "./programs.mjs";

const COMMON = { noEmit: true, target: "es2022", lib: ["esnext", "dom", "dom.iterable"], module: "esnext", moduleResolution: "bundler", skipLibCheck: true, types: ["node"] };
const LOOSE = { ...COMMON, strict: true, noImplicitAny: false, useUnknownInCatchVariables: false, strictPropertyInitialization: false };
const STRICT = { ...COMMON, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, jsx: "react-jsx" };
const GLOBALS = "fragment-globals.d.ts";

export async function test({ pages, paths, project }) {
  cpSync(new URL(`../parts/${GLOBALS}`, import.meta.url), project.path("fragments", GLOBALS));
  const blocks = pages.flatMap((page) => page.blocks);
  const fragments = blocks.filter(isFragment).map((block) => writeFragment(project, block));
  const files = paths.filter((path) => /\.tsx?$/.test(path) && !path.includes("deno")); // which checks its own
  return [
    { name: `${fragments.length} fragments are typed right`, problem: await compile(project, "fragments/tsconfig.json", LOOSE, [project.path("fragments", GLOBALS), ...fragments]) },
    { name: `${files.length} files are typed strictly`, problem: await compile(project, "recipes/tsconfig.json", STRICT, files) },
  ];
}

/** Whether a block is neither a file nor run. */
const isFragment = (block) => ["js", "ts"].includes(block.language) && !block.file && !isRun(block);

/** As a module that begins in the page's own line; what is called like a global hides it. */
function writeFragment(project, { page, line, code }) {
  const name = `${page.replaceAll(/\W+/g, "-")}-${line}.mts`;
  return write(project, `fragments/${name}`, `${"\n".repeat(line)}${code}export {};\n`);
}

async function compile(project, name, compilerOptions, files) {
  const config = write(project, name, { compilerOptions, files });
  try {
    await promisify(execFile)(process.execPath, [npmProgram("typescript", "tsc"), "-p", config], { cwd: project.folder, timeout: 120_000 });
  } catch ({ stdout, stderr, message }) {
    return [stdout, stderr].join("\n").trim() || message;
  }
}
