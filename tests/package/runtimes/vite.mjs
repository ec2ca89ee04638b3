// Vite's build, opened in Chromium.

import { openPage } from "../parts/chromium.mjs";
import { pageModule, writePage } from "../parts/page.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  const { build } = await import("vite");
  write(project, "vite/main.js", pageModule(project));
  writePage(project, "vite/index.html", "./main.js");
  await build({ root: project.path("vite"), base: "./", logLevel: "warn", build: { chunkSizeWarningLimit: 5000 } });
  return openPage(project, "vite/dist/index.html");
}
