// A Redis of one's own: on a free port of this machine, in memory alone, ended with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";

/** The program that is tested: Valkey's understands the same options. */
const SERVER = process.env.LOCKKEEPER_TEST_REDIS ?? "redis-server";
const RULES = readFileSync(new URL("../../src/shared_state/redis.lua", import.meta.url), "utf8");

/** Asks the rules as clients do; at a moment of one's own, in microseconds, if there is one. */
export async function ask(client, place, request, ...now) {
  const keys = ["state", "ends", "lines", "callers"].map((part) => `lockkeeper:{${place}}:${part}`);
  return JSON.parse(await client.eval(RULES, keys.length, ...keys, JSON.stringify(request), ...now));
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a server: its port and address, its process, and what stops it. */
export async function startRedis(port, ...more) {
  port ??= await freePort();
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...more];
  const server = spawn(SERVER, options, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  for await (const text of server.stdout) if (/Ready to accept connections/.test(text)) break;
  server.stdout.resume();
  const stop = async () => {
    server.kill("SIGCONT"); // one that was stopped does not end
    server.kill("SIGKILL");
    await ended;
  };
  return { port, url: `redis://127.0.0.1:${port}`, server, stop };
}

/** Three servers as one cluster for as long as a test runs, each with a client of its own. */
export async function clusterFor(t) {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-cluster-"));
  const nodes = [];
  for (const name of ["a", "b", "c"]) nodes.push(await memberFor(t, folder, name));
  t.after(() => rmSync(folder, { recursive: true })); // they have ended by then
  const [first, ...others] = nodes;
  for (const { port, bus } of others) await first.client.call("CLUSTER", "MEET", "127.0.0.1", port, bus);
  const slots = ["0 5460", "5461 10922", "10923 16383"].map((range) => range.split(" "));
  await Promise.all(nodes.map(({ client }, at) => client.call("CLUSTER", "ADDSLOTSRANGE", ...slots[at])));
  await Promise.all(nodes.map(({ client }) => knowsAll(client)));
  return nodes;
}

async function memberFor(t, folder, name) {
  const bus = await freePort();
  const options = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--dir", folder, "--cluster-config-file", name];
  return { ...(await redisFor(t, ...options)), bus };
}

/** Until a server has heard who has which slots. */
async function knowsAll(client) {
  for (;;) {
    const told = await client.call("CLUSTER", "INFO");
    if (/cluster_state:ok/.test(told) && /cluster_known_nodes:3/.test(told)) return;
    await delay(20);
  }
}

/** A Redis and a client of it for as long as a test runs. */
export async function redisFor(t, ...options) {
  const redis = await startRedis(undefined, ...options);
  const client = new Redis(redis.port, "127.0.0.1");
  t.after(async () => {
    client.disconnect();
    await redis.stop();
  });
  return { ...redis, client };
}
