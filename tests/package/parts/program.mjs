// Runtimes that are programs: they print the scenario's report as the last line of their output.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Runs a program in the project and reads its report. */
export async function reportOf(project, command, env = {}) {
  const [program, ...args] = command;
  const settings = { cwd: project.folder, env: { ...process.env, ...env }, timeout: 120_000 };
  const { stdout } = await promisify(execFile)(program, args, settings);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
