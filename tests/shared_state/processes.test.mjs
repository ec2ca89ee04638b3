// Four processes on one limit, two native and two in Node, over a real Redis: what the provider sees, and what comes of
// processes that are killed and of a Redis that stands still.

import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { excess, fairness, requestsFor } from "./judge.mjs";
import { baseUrl, fourWorkers, newModel } from "./processes.mjs";
import { ask, redisFor } from "./redis.mjs";

const LIMIT = { capacity: 10, refillRate: 20 };
/**
 * A permit is granted at one moment and its request arrives at another: by so many seconds the delays may differ. It is
 * some milliseconds where nothing else runs; here a dozen processes share a few cores with whatever else is tested.
 */
const JITTER = 0.25;
const STANDS_STILL = Number(process.env.LOCKKEEPER_TEST_STOP_SECONDS ?? 3);

const allDone = (workers) => Promise.all(workers.map(({ ended }) => ended));

/** What Redis counts as in flight on all keys, without what has run out. */
async function inFlight(client) {
  const [state] = await client.keys("*:state");
  await ask(client, /\{(.+)\}/.exec(state)[1], { op: "leave" });
  const fields = Object.entries(await client.hgetall(state)).filter(([field]) => field.startsWith("k|"));
  return fields.reduce((sum, [, record]) => sum + Number(record.split(" ")[0]), 0);
}

test("the limit holds for all together, is used to the full, and nobody starves", async (t) => {
  const redis = await redisFor(t);
  const model = newModel();
  const calls = 40;
  const workers = await fourWorkers(t, redis, { model, ...LIMIT, callers: 10, calls });
  workers.forEach((worker) => worker.begin());
  await allDone(workers);
  for (const { said } of workers) assert.deepEqual(said, { ready: 1, ok: calls, done: 1 });
  const requests = await requestsFor(baseUrl, model);
  assert.equal(requests.length, 4 * calls);
  const optimum = (4 * calls - LIMIT.capacity) / LIMIT.refillRate;
  const makespan = requests.at(-1).at - requests[0].at;
  // While all of them are at it: after the burst that whoever is first to begin has, and before the first has done its part.
  const lastOf = ({ name }) => requests.findLast((request) => request.name === name).at;
  const together = requests.slice(LIMIT.capacity).filter(({ at }) => at <= Math.min(...workers.map(lastOf)));
  const counts = workers.map(({ name }) => together.filter((request) => request.name === name).length);
  const fair = fairness(counts);
  const over = excess(requests, LIMIT);
  t.diagnostic(`makespan ${makespan.toFixed(2)} s of ${optimum} s, Jain's index ${fair.toFixed(3)} (${counts}), ${over.toFixed(2)} requests above the limit`);
  assert.ok(over <= JITTER * LIMIT.refillRate, `${over} requests above the limit`);
  assert.ok(makespan <= 1.05 * optimum, `${makespan} s for ${optimum}`);
  assert.ok(fair >= 0.95, `Jain's index ${fair}`);
  await sleep(200);
  assert.equal(await inFlight(redis.client), 0);
});

test("the slots of one who is killed come back, and nobody else stops", async (t) => {
  const redis = await redisFor(t);
  const model = `fault-slow-headers-${1000 + (process.pid % 100)}`;
  const workers = await fourWorkers(t, redis, { model, ...LIMIT, callers: 5, calls: 10, leaseTtl: 4 });
  workers.forEach((worker) => worker.begin());
  await sleep(1200);
  const [killed, ...others] = workers;
  killed.process.kill("SIGKILL");
  await killed.ended;
  await allDone(others);
  for (const { said } of others) assert.deepEqual(said, { ready: 1, ok: 10, done: 1 });
  const left = await inFlight(redis.client);
  assert.ok(left > 0 && left <= 5, `${left} in flight: Redis has not heard that it is gone`);
  await sleep(4000);
  assert.equal(await inFlight(redis.client), 0);
});

/** Lets four processes work, stops Redis for a while, and gives back when, by the provider's clock. */
async function standStill(redis, workers, model) {
  workers.forEach((worker) => worker.begin());
  await sleep(1500);
  const lastSeen = async () => (await requestsFor(baseUrl, model)).at(-1).at;
  redis.server.kill("SIGSTOP");
  const from = await lastSeen();
  const began = performance.now();
  await sleep(1000 * STANDS_STILL);
  redis.server.kill("SIGCONT");
  return { from, to: from + (performance.now() - began) / 1000 };
}

test("while Redis stands still each process keeps to its share, and goes back to it by itself", async (t) => {
  const redis = await redisFor(t);
  const model = newModel();
  const calls = Math.round((LIMIT.refillRate / 4) * (STANDS_STILL + 4));
  const workers = await fourWorkers(t, redis, { model, ...LIMIT, callers: 10, calls });
  const { from, to } = await standStill(redis, workers, model);
  await sleep(2000);
  const number = () => redis.client.keys("*:state").then(([state]) => redis.client.hget(state, "#"));
  const asked = await number();
  await sleep(200);
  assert.ok(Number(await number()) > Number(asked), "Redis is asked again");
  await allDone(workers);
  for (const { said } of workers) assert.deepEqual(said, { ready: 1, ok: calls, done: 1 });
  const requests = await requestsFor(baseUrl, model);
  // So long it takes to know that there is no answer.
  const meanwhile = requests.filter(({ at }) => at > from + 1.2 && at < to);
  const usual = (to - from - 1.2) * LIMIT.refillRate;
  const over = excess(requests, LIMIT);
  t.diagnostic(`${meanwhile.length} requests by shares, ${usual.toFixed(0)} usual; ${over.toFixed(2)} above the limit at worst`);
  assert.ok(meanwhile.length >= 0.6 * usual && excess(meanwhile, LIMIT) <= JITTER * LIMIT.refillRate, `${meanwhile.length} of ${usual}`);
  // Who is the first to be answered again does not know yet what the others have spent.
  assert.ok(over <= LIMIT.capacity + JITTER * LIMIT.refillRate, `${over} requests above the limit`);
});

test("while Redis stands still nothing is sent, where that is the policy, and it goes on by itself", async (t) => {
  const redis = await redisFor(t);
  const model = newModel();
  const workers = await fourWorkers(t, redis, { model, ...LIMIT, callers: 3, calls: 10_000, onFailure: "error" });
  const { from, to } = await standStill(redis, workers, model);
  for (const { said, name } of workers) assert.ok(said.shared_state > 0, `${name}: ${JSON.stringify(said)}`);
  await sleep(2500);
  const requests = await requestsFor(baseUrl, model);
  const over = excess(requests, LIMIT);
  t.diagnostic(`${over.toFixed(2)} requests above the limit at worst`);
  assert.equal(requests.filter(({ at }) => at > from + 0.3 && at < to).length, 0);
  for (const { name } of workers) assert.ok(requests.some((one) => one.name === name && one.at > to), `${name} goes on`);
  assert.ok(over <= JITTER * LIMIT.refillRate, `${over} requests above the limit`);
});
