// A Redis Cluster of three servers: each place lies on one of them, and clients find it.

import assert from "node:assert/strict";
import test from "node:test";
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { ioredis, nodeRedis, redisState } from "lockkeeper/redis";
import { excess, requestsFor } from "./judge.mjs";
import { baseUrl, fourWorkers, newModel } from "./processes.mjs";
import { clusterFor } from "./redis.mjs";

const PLACES = Array.from({ length: 12 }, (_, number) => `place-${number}`);
const ASK = JSON.stringify({ op: "ask", caller: "a", pool: "p", keys: ["k1"], ttl: 30, limits: [["m", 3, 0.001, 1]] });

/** Three permits at each place, and no fourth; and every server keeps some of the places. */
async function grantsThreeEverywhere(nodes, state) {
  for (const place of PLACES) {
    const answers = [];
    for (let asked = 0; asked < 4; asked += 1) answers.push(JSON.parse(await state.call(place, ASK)));
    assert.deepEqual(answers.map(({ reason }) => reason ?? "granted"), ["granted", "granted", "granted", "token"], place);
  }
  const kept = await Promise.all(nodes.map((node) => node.client.dbsize()));
  assert.ok(kept.every((keys) => keys > 0 && keys % 4 === 0), `keys on each server: ${kept}`);
  assert.equal(kept.reduce((sum, keys) => sum + keys), 4 * PLACES.length);
}

test("ioredis, a cluster", async (t) => {
  const nodes = await clusterFor(t);
  const client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  t.after(() => client.disconnect());
  await grantsThreeEverywhere(nodes, redisState(ioredis(client)));
});

test("node-redis, a cluster", async (t) => {
  const nodes = await clusterFor(t);
  const client = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) });
  await client.connect();
  t.after(() => client.destroy());
  await grantsThreeEverywhere(nodes, redisState(nodeRedis(client)));
});

test("four processes, two native and two in Node, on one limit", async (t) => {
  const nodes = await clusterFor(t);
  const limit = { capacity: 10, refillRate: 20 };
  const model = newModel();
  // Whoever is still at looking for the cluster's servers when others fill the machine is waited for.
  const workers = await fourWorkers(t, nodes, { model, ...limit, callers: 5, calls: 10, timeout: 20 });
  workers.forEach((worker) => worker.begin());
  await Promise.all(workers.map(({ ended }) => ended));
  for (const { said } of workers) assert.deepEqual(said, { ready: 1, ok: 10, done: 1 });
  const over = excess(await requestsFor(baseUrl, model), limit);
  t.diagnostic(`${over.toFixed(2)} requests above the limit`);
  assert.ok(over <= 5, `${over} requests above the limit`); // as far as delays differ: see processes.test.mjs
  const keys = await Promise.all(nodes.map(({ client }) => client.dbsize()));
  assert.equal(keys.filter((count) => count > 0).length, 1, `all of one address is on one server: ${keys}`);
});
