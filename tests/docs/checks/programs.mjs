// Programs in the pages: blocks marked `run`, and recipes, whose files are put into a project of their own and run there.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { write } from "../../package/parts/project.mjs";
import { placeOf } from "../parts/pages.mjs";

export const isRun = ({ words }) => words.includes("run");

export async function test({ pages, recipes, project, baseUrl, binaries }) {
  const results = [];
  for (const block of pages.flatMap((page) => page.blocks).filter(isRun)) {
    results.push({ name: `${placeOf(block)} runs`, problem: await runBlock(block, project, baseUrl) });
  }
  for (const { name } of recipes) results.push(...(await runRecipe(name, { project, baseUrl, binaries })));
  return results;
}

/** In a folder with a provider.json that leads to the embedded provider; it has to print something. */
async function runBlock({ page, line, code }, project, baseUrl) {
  const name = `run/${page.replaceAll(/\W+/g, "-")}-${line}`;
  write(project, `${name}/provider.json`, configuration(baseUrl));
  const main = write(project, `${name}/main.mjs`, code);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [main], { cwd: project.path(name), timeout: 30_000 });
    return stdout.trim() ? "" : "it prints nothing";
  } catch (error) {
    return error.stderr || error.message;
  }
}

const configuration = (base_url) => ({
  openai: { "gpt-4": { base_url, api_keys: ["sk-docs-000001", "sk-docs-000002"] } },
  deepseek: [{ model_name: "v3", model: "deepseek-chat", base_url, api_keys: ["sk-docs-000003"] }],
});

async function runRecipe(name, context) {
  const runner = new URL(`../recipes/${name}.mjs`, import.meta.url);
  if (!existsSync(runner)) return [{ name: `${name} runs`, problem: `there is no ${runner.pathname} that runs it` }];
  const folder = context.project.path("recipes", name);
  try {
    const { test } = await import(runner);
    return (await test({ ...context, folder })).map((result) => ({ ...result, name: `${name}: ${result.name}` }));
  } catch (error) {
    return [{ name: `${name} runs`, problem: error.stack }];
  }
}
