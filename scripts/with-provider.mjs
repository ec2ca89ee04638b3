// Runs a command while the embedded provider is up: `node scripts/with-provider.mjs cargo test …`.
// The command finds its address in LOCKKEEPER_TEST_BASE_URL.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure, main, root } from "./run.mjs";

const [program, ...args] = process.argv.slice(2);
const PROVIDER = ["cargo", "run", "--quiet", "--locked", "-p", "mock-provider", "--", "--port", "0"];

/** Starts the provider, and resolves to it and its address, which is the first thing it says. */
async function start() {
  const provider = spawn(PROVIDER[0], PROVIDER.slice(1), { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  for await (const address of createInterface(provider.stdout)) return { provider, address };
  throw new Failure("the embedded provider did not start");
}

function runBeside(address) {
  const env = { ...process.env, LOCKKEEPER_TEST_BASE_URL: address };
  const child = spawn(program, args, { cwd: root, env, stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

main(async () => {
  const { provider, address } = await start();
  try {
    return await runBeside(address);
  } finally {
    provider.kill();
  }
});
