// Webpack's build, opened in Chromium.

import webpack from "webpack";
import { openPage } from "../parts/chromium.mjs";
import { pageModule, writePage } from "../parts/page.mjs";
import { write } from "../parts/project.mjs";

export async function test({ project }) {
  const entry = write(project, "webpack/main.js", pageModule(project));
  const output = { path: project.path("webpack/dist"), filename: "bundle.js" };
  await bundle({ mode: "production", context: project.folder, entry, output, performance: false });
  writePage(project, "webpack/index.html", "dist/bundle.js", "classic");
  return openPage(project, "webpack/index.html");
}

function bundle(settings) {
  return new Promise((resolve, reject) => {
    webpack(settings, (error, stats) => {
      if (error) return reject(error);
      const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
      const said = [...errors, ...warnings].map(({ message }) => message);
      said.length ? reject(new Error(said.join("\n"))) : resolve();
    });
  });
}
