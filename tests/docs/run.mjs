// Tests the code in the pages, as those find it who copy it: with the packed package, in projects of their own.
//
//   node scripts/with-provider.mjs node tests/docs/run.mjs          all of it
//   node scripts/with-provider.mjs node tests/docs/run.mjs types    of pages, data, rust, types, programs
//   UPDATE_LOCK=1 …                                                 with the newest of the crates that only recipes need, which it records

import { Failure, main } from "../../scripts/run.mjs";
import { closeChromium } from "../package/parts/chromium.mjs";
import { lend, makeProject, removeProject } from "../package/parts/project.mjs";
import { report } from "../package/parts/report.mjs";
import { LANGUAGES } from "./checks/data.mjs";
import { allPages, placeOf } from "./parts/pages.mjs";
import { recipesOf, writeRecipes } from "./parts/recipes.mjs";
import { binaryOf, makeWorkspace } from "./parts/rust.mjs";

/** Rust is compiled, the first time for minutes. */
const LONGEST = { rust: 1_800_000 }; // milliseconds
const CHECKS = ["pages", "data", "rust", "types", "programs"];
/** Of `text` nothing can be said: it is what programs print. */
const KNOWN = [...LANGUAGES, "js", "ts", "tsx", "rust", "text", "html"];
/** What the pages' programs import beside the library. */
const LENT = [
  "openai", "ai", "@ai-sdk/openai-compatible", "@ai-sdk/provider", "@ai-sdk/provider-utils", "@ai-sdk/gateway", "@standard-schema/spec", "json-schema", "eventsource-parser",
  "@opentelemetry/api", "ioredis", "@ioredis/commands", "redis", "@redis", "zod", "@types/node", "undici-types", "@types/react", "@types/react-dom", "csstype", "react", "react-dom",
];
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !CHECKS.includes(name));

/** No block is passed over in silence. */
function languages(pages) {
  const odd = pages.flatMap((page) => page.blocks).filter(({ language, file }) => !KNOWN.includes(language) || (["tsx", "html"].includes(language) && !file));
  return [{ name: "every block is in a language that is checked", problem: odd.map((block) => `${placeOf(block)}: ${block.language || "no language"}`).join("\n") }];
}

main(async () => {
  if (unknown.length) throw new Failure(`unknown: ${unknown.join(" ")}; there are ${CHECKS.join(" ")}`, 2);
  const baseUrl = process.env.LOCKKEEPER_TEST_BASE_URL;
  if (!baseUrl) throw new Failure("run this with scripts/with-provider.mjs");
  const pages = allPages();
  const recipes = recipesOf(pages);
  const workspace = makeWorkspace(pages, recipes);
  const project = makeProject(baseUrl);
  try {
    for (const name of LENT) lend(project, name);
    const paths = writeRecipes(recipes, project);
    const context = { pages, recipes, paths, project, baseUrl, workspace, binaries: binaryOf };
    let failed = await report("languages", async () => languages(pages));
    for (const name of asked.length ? asked : CHECKS) {
      const { test } = await import(`./checks/${name}.mjs`);
      failed += await report(name, () => test(context), LONGEST[name]);
    }
    return failed ? 1 : 0;
  } finally {
    await closeChromium();
    removeProject(project);
    // Whatever a recipe has left running must not keep us.
    setTimeout(() => process.exit(), 3000).unref();
  }
});
