// One table of cases for all who keep the rules, and the two who do beside each other in thousands of random requests.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Rules } from "../../js/shared/rules.js";
import { ask, redisFor } from "./redis.mjs";

const { cases, defaults } = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8"));
const BEGINNING = 1_800_000_000; // seconds, at which all cases begin
const OPERATIONS = ["ask", "release", "renew", "rest", "settle", "leave"];

const microseconds = (at) => Math.round((BEGINNING + at) * 1e6);

/** Whoever keeps the rules, by name: a new one for each case. */
function keepers(client) {
  let places = 0;
  return {
    "rules.js": () => {
      const rules = new Rules();
      // As it comes over a wire.
      return async (request, at) => JSON.parse(JSON.stringify(rules.answer(JSON.parse(JSON.stringify(request)), microseconds(at))));
    },
    "redis.lua": () => {
      const place = `case-${(places += 1)}`;
      return (request, at) => ask(client, place, request, String(microseconds(at)));
    },
  };
}

/** The request of a step, in which `$name` stands for what the step of that name got. */
function requestOf(step, got) {
  const op = OPERATIONS.find((name) => name in step);
  const fill = (value) => (typeof value === "string" && value.startsWith("$") ? got[value.slice(1)] : value);
  const wish = Object.entries({ ...defaults[op], ...step[op] });
  const request = Object.fromEntries(wish.map(([name, value]) => [name, name === "leases" ? value.map(fill) : fill(value)]));
  return { op, ...request };
}

/** As it is written in the table: numbers to the microsecond, and of names only whether there is one. */
function comparable(answer) {
  const told = ([name, value]) => {
    if (name === "ticket" || name === "lease") return [name, typeof value === "string"];
    return [name, typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value];
  };
  return Object.fromEntries(Object.entries(answer).map(told));
}

test("every case holds for everybody who keeps the rules", async (t) => {
  const { client } = await redisFor(t);
  for (const [keeper, begin] of Object.entries(keepers(client))) {
    for (const { name, steps } of cases) {
      const say = begin();
      const got = {};
      for (const [place, step] of steps.entries()) {
        const answer = await say(requestOf(step, got), step.at);
        if (step.as) got[step.as] = answer.ticket ?? answer.lease;
        assert.deepEqual(comparable(answer), step.answer, `${keeper}: ${name}: step ${place + 1}`);
      }
    }
  }
});

/** Numbers that look random, from a seed. */
function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A request of any kind that makes sense after what was answered so far. */
function randomRequest(random, leases, tickets) {
  const pick = (list) => list[random(list.length)];
  const maybe = (value) => (random(2) ? value : undefined);
  const limits = [[pick(["m", "n"]), 3, 2, 1]];
  if (random(3) === 0) limits.push(["t", 100, 20, 10 + random(60)]);
  const key_limits = maybe([["u", 50, 5, 5 + random(20)]]);
  const back = (limits) => limits?.map(([name, capacity, rate, amount]) => [name, capacity, rate, amount - random(2 * amount)]);
  switch (random(leases.length > 12 ? 8 : 12)) {
    case 0:
      return { op: "rest", key: pick(["k1", "k2", "k3"]), rest: random(40) / 10, why: pick(["cooling", "exhausted", "dead"]) };
    case 1:
      return { op: "renew", caller: pick(["a", "b"]), ttl: 3, leases: leases.filter(() => random(3) === 0) };
    case 2:
      if (random(2)) return { op: "settle", key: pick(["k1", "k2"]), limits: maybe(back(limits)), key_limits: back(key_limits) };
      return { op: "leave", ticket: tickets.pop(), caller: maybe(pick(["a", "b", "c"])) };
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
      if (leases.length) {
        const [lease] = leases.splice(random(leases.length), 1);
        return { op: "release", lease, works: maybe(true), rest: maybe(random(50) / 10), why: pick(["cooling", "dead"]), limits: maybe(back(limits)), key_limits: back(key_limits) };
      }
  }
  return {
    op: "ask", caller: pick(["a", "b", "c"]), pool: pick(["p", "q"]), keys: ["k1", "k2", "k3"].filter((key) => key === "k1" || random(2)), ttl: 3, limits, key_limits,
    per_key: maybe(1 + random(3)), per_pool: maybe(2 + random(4)), priority: maybe(random(3) - 1), patience: maybe(random(20)),
    ticket: tickets.splice(random(tickets.length), random(2))[0], spent: random(9) ? undefined : back(limits),
  };
}

test("both give the same answers to thousands of random requests", async (t) => {
  const { client } = await redisFor(t);
  let granted = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const [one, other] = Object.values(keepers(client)).map((begin) => begin());
    const random = randomFrom(seed);
    const [leases, tickets] = [[], []];
    let at = 100 * seed;
    for (let step = 1; step <= 200; step += 1) {
      at += random(3) ? random(1000) / 5000 : random(8) / 2;
      const request = randomRequest(random, leases, tickets);
      const [expected, found] = [await one(request, at), await other(request, at)];
      const rounded = (answer) => ({ ...comparable(answer), ticket: answer.ticket, lease: answer.lease });
      assert.deepEqual(rounded(found), rounded(expected), `seed ${seed}, step ${step}: ${JSON.stringify(request)}`);
      if (found.lease) granted += leases.push(found.lease) && 1;
      if (found.ticket) tickets.push(found.ticket);
    }
    await client.flushall();
  }
  assert.ok(granted > 500, `only ${granted} of them granted`);
});

test("nothing stays in Redis for ever, and what has ended is let go of", async (t) => {
  const { client } = await redisFor(t);
  const say = keepers(client)["redis.lua"]();
  const wish = { op: "ask", caller: "a", pool: "p", keys: ["k1"], ttl: 30, limits: [["m", 100, 10, 1]] };
  for (let i = 0; i < 150; i += 1) await say(wish, 0);
  const names = await client.keys("*");
  assert.equal(names.length, 4);
  for (const name of names) assert.ok((await client.ttl(name)) > 0, name);
  assert.ok((await client.zcard(names.find((name) => name.endsWith(":ends")))) > 150);
  await say({ op: "leave" }, 7200);
  assert.deepEqual(await client.hgetall(names.find((name) => name.endsWith(":state"))), { "#": "250" });
  assert.deepEqual((await client.keys("*")).length, 1);
});

test("what is saved of the rules outlives them; leases come back when they are renewed", () => {
  const at = (seconds) => microseconds(seconds);
  const wish = { op: "ask", pool: "p", keys: ["k1", "k2"], ttl: 30, limits: [["m", 2, 1, 1]], per_key: 1 };
  const before = new Rules();
  const { lease } = before.answer(wish, at(0));
  before.answer({ op: "rest", key: "k2", rest: 60, why: "dead" }, at(0));
  const after = new Rules(JSON.parse(JSON.stringify(before.saved())));
  after.answer({ op: "renew", leases: [lease], ttl: 30 }, at(1));
  assert.deepEqual(comparable(after.answer({ ...wish, patience: 0 }, at(1))), { wait: 0.05, look: 0.05, reason: "concurrency", processes: 0 });
  assert.deepEqual(comparable(after.answer({ ...wish, keys: ["k2"], patience: 0 }, at(1))), { wait: 59, look: 5.9, reason: "key", why: "dead", processes: 0 });
  after.answer({ op: "release", lease }, at(1));
  assert.equal(after.answer(wish, at(1)).key, "k1");
  assert.equal(after.answer({ ...wish, per_key: 9 }, at(1)).reason, undefined);
  assert.equal(after.answer({ ...wish, per_key: 9 }, at(1)).reason, "token", "the level is that of before");
  assert.equal(after.answer({ op: "leave" }, at(100_000)).processes, 0);
  assert.deepEqual(after.saved(), { buckets: [], keys: [] });
});
