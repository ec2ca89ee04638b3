// Runtimes that come as npm packages, one for each platform, of which npm installs the one that fits.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { output, root } from "../../../scripts/run.mjs";
import { NoSuchRuntime } from "./report.mjs";

/** The path of a program in that package of the scope that runs here. */
export function installed(scope, program) {
  const folder = join(root, "node_modules", scope);
  const packages = existsSync(folder) ? readdirSync(folder) : [];
  const path = packages.map((name) => join(folder, name, program)).find((path) => output([path, "--version"]));
  if (path) return path;
  const machine = `${process.platform} on ${process.arch}`;
  if (!packages.length) throw new NoSuchRuntime(`${scope} has no package for ${machine}`);
  throw new Error(`none of ${packages.map((name) => `${scope}/${name}`).join(", ")} runs on ${machine}`);
}
