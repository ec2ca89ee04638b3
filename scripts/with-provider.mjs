// Runs a command while the embedded provider is up: `node scripts/with-provider.mjs cargo test …`.
// The command finds its address in LOCKKEEPER_TEST_BASE_URL. With `--prerendered` before the command it is the server
// for benches, which only copies bytes.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure, main, root } from "./run.mjs";

const forBenches = process.argv[2] === "--prerendered";
const [program, ...args] = process.argv.slice(forBenches ? 3 : 2);
const [kind, options] = forBenches ? [["--release"], ["--prerendered"]] : [[], []];
const PROVIDER = ["cargo", "run", "--quiet", "--locked", ...kind, "-p", "mock-provider", "--", "--port", "0", ...options];

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
