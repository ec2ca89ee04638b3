// The recipes: pages whose blocks are the files of a project.

import { copyFileSync } from "node:fs";
import { basename } from "node:path";
import { write } from "../../package/parts/project.mjs";

/** The pages that are recipes, `{ page, name, files }`. */
export function recipesOf(pages) {
  const recipes = pages.map((page) => ({ page, name: basename(page.path, ".md"), files: page.blocks.filter(({ file }) => file) }));
  return recipes.filter(({ files }) => files.length);
}

/** Files that a recipe takes from another, as its page says. */
const TAKEN = { nextjs: { "app/Chat.tsx": "react/Chat.tsx", "app/useChat.ts": "react/useChat.ts" } };

/** Puts the files of each recipe into a folder of its own, and gives back their paths. */
export function writeRecipes(recipes, project) {
  const paths = recipes.flatMap(({ name, files }) => files.map(({ file, code }) => write(project, `recipes/${name}/${file}`, code)));
  for (const [name, files] of Object.entries(TAKEN)) {
    for (const [to, from] of Object.entries(files)) copyFileSync(project.path("recipes", from), project.path("recipes", name, to));
  }
  return paths;
}
