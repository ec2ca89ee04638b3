// The provider of the benches: the embedded one's answers rendered once, in a process of its own.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PROVIDER = ["run", "--quiet", "--release", "--locked", "-p", "mock-provider", "--", "--prerendered", "--port", "0"];

/** Starts it, and resolves to its address, on which `/v1` is the API, and what stops it. */
export async function startServer() {
  const server = spawn("cargo", PROVIDER, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  for await (const address of createInterface(server.stdout)) return { url: address.replace(/\/v1$/, ""), stop: () => server.kill() };
  throw new Error("the server did not start");
}
