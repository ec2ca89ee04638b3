// The ready adapters, each over the client that it is for and a real Redis.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import { createClient } from "redis";
import { ioredis, nodeRedis, redisState, upstash } from "lockkeeper/redis";
import { redisFor } from "./redis.mjs";

const TOKEN = "a-token-of-the-rest-interface";
const ASK = JSON.stringify({ op: "ask", caller: "a", pool: "p", keys: ["k1"], ttl: 30, limits: [["m", 3, 0.001, 1]] });

/** What Upstash puts before Redis: a command as a JSON list by POST, `{ result }` or `{ error }` back. */
async function restBridge(t, client) {
  const commands = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const [name, ...parts] = JSON.parse(Buffer.concat(chunks).toString());
    commands.push(name);
    const isAllowed = request.method === "POST" && request.headers.authorization === `Bearer ${TOKEN}`;
    const answer = isAllowed ? await client.call(name, ...parts).then((result) => ({ result }), ({ message }) => ({ error: message })) : { error: "WRONGPASS" };
    response.writeHead(answer.error ? 400 : 200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, commands };
}

/** Three permits, and no fourth; also where the server forgets the script meanwhile. */
async function grantsThree(client, state, place) {
  for (let permits = 0; permits < 3; permits += 1) {
    const { lease } = JSON.parse(await state.call(place, ASK));
    assert.match(lease, /^l\|/);
    if (permits === 1) await client.script("FLUSH");
  }
  assert.equal(JSON.parse(await state.call(place, ASK)).reason, "token");
  const keys = await client.keys(`lockkeeper:{${place}}:*`);
  assert.equal(keys.length, 4);
}

test("ioredis", async (t) => {
  const { client } = await redisFor(t);
  await grantsThree(client, redisState(ioredis(client)), "one");
});

test("node-redis", async (t) => {
  const { client, url } = await redisFor(t);
  const other = await createClient({ url }).connect();
  try {
    await grantsThree(client, redisState(nodeRedis(other)), "two");
  } finally {
    other.destroy(); // before the server goes
  }
});

test("Upstash's REST interface", async (t) => {
  const { client } = await redisFor(t);
  const { url, commands } = await restBridge(t, client);
  await grantsThree(client, redisState(upstash({ url, token: TOKEN })), "three");
  assert.deepEqual(commands, ["EVALSHA", "EVAL", "EVALSHA", "EVALSHA", "EVAL", "EVALSHA"], "the script itself is sent where it is not known");
  const stranger = redisState(upstash({ url, token: "another" }));
  await assert.rejects(stranger.call("three", ASK), /WRONGPASS/);
  const nothing = redisState(upstash({ url, token: TOKEN, fetch: async () => new Response("<html>", { status: 502 }) }));
  await assert.rejects(nothing.call("three", ASK), /HTTP status 502/);
});

test("a function of one's own", async (t) => {
  const { client } = await redisFor(t);
  const evaluate = (script, keys, args) => client.eval(script, keys.length, ...keys, ...args);
  await grantsThree(client, redisState({ eval: evaluate }), "four");
  assert.throws(() => redisState(client.eval), TypeError);
});
