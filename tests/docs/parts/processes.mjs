// Programs of recipes: what they print, and servers that say where they are.

import { execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the recipes' users would have exported. */
export const settings = (baseUrl, model) => ({ API_KEYS: "sk-recipe-000001,sk-recipe-000002", BASE_URL: baseUrl, MODEL: model });
export const keys = { OPENAI_KEY: "sk-recipe-000003", OPENAI_KEY_1: "sk-recipe-000004", OPENAI_KEY_2: "sk-recipe-000005", OPENAI_KEY_3: "sk-recipe-000006", DEEPSEEK_KEY: "sk-recipe-000007" };

/** The recipe's own provider.json, with the embedded provider for everybody's address: the one thing that is changed. */
export function pointAt(folder, baseUrl, models = {}) {
  const path = join(folder, "provider.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  for (const [provider, entries] of Object.entries(config)) {
    for (const [name, entry] of Object.entries(entries)) Object.assign(entry, { base_url: baseUrl, retry_delay: 0.05 }, models[`${provider}/${name}`]);
  }
  writeFileSync(path, JSON.stringify(config));
}

/** Runs a program to its end: what it prints. */
export async function printed(command, folder, env = {}) {
  const [program, ...args] = command;
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env: { ...process.env, ...env }, timeout: 60_000 });
  return stdout;
}

/** A port that nobody has at the moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server that says its address; resolves to that and how to stop it. */
export async function started(command, folder, env) {
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it does not say where it is:\n${said}`)), 60_000);
    const done = (settle, value) => (clearTimeout(timer), settle(value));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        said += text;
        const [found] = /http:\/\/[\w.]+:\d+/.exec(said) ?? [];
        if (found) done(resolve, found.replace("0.0.0.0", "127.0.0.1"));
      });
    }
    child.on("error", (error) => done(reject, error));
    child.on("exit", () => done(reject, new Error(`it has ended:\n${said}`)));
  }).catch((error) => {
    child.kill();
    throw error;
  });
  return { url, stop: () => child.kill() };
}
