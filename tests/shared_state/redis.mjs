// A Redis of one's own: on a free port of this machine, in memory alone, ended with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";

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
export async function startRedis(port) {
  port ??= await freePort();
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const server = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
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

/** A Redis and a client of it for as long as a test runs. */
export async function redisFor(t) {
  const redis = await startRedis();
  const client = new Redis(redis.port, "127.0.0.1");
  t.after(async () => {
    client.disconnect();
    await redis.stop();
  });
  return { ...redis, client };
}
