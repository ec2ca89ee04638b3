// The main module of the runtimes that are programs.

/** A module that runs the scenario and prints its report. `entry` is what the package is imported by. */
export function mainModule(project, { load = 'import * as lockkeeper from "lockkeeper";' } = {}) {
  return `${load}
import * as functions from "lockkeeper/functions";
import * as simulator from "lockkeeper/simulate";
import { scenario } from "../scenario.js";
console.log(JSON.stringify(await scenario({ ...lockkeeper, functions, simulator }, ${settings(project)})));
`;
}

/** The scenario's settings, where a configuration is a file. */
export function settings({ baseUrl, path }) {
  return JSON.stringify({ baseUrl, configFile: path("provider.json") });
}
