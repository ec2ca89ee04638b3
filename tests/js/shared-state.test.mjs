// Clients that share a state, in Node: over the rules in memory, without a store between.

import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError, OpenAICompatible, SharedStateError } from "lockkeeper";
import { Rules } from "../../js/shared/rules.js";
import { baseUrl, client, failure, hello, until } from "./provider.mjs";

/** The rules in memory, and what was asked of them. */
function stateInMemory(more) {
  const rules = new Rules();
  const asked = [];
  const call = async (place, text) => {
    const request = JSON.parse(text);
    const answer = rules.answer(request, Math.round(performance.now() * 1000));
    asked.push({ place, request, answer });
    return JSON.stringify(answer);
  };
  const held = () => asked.reduce((sum, { request, answer }) => sum + (answer.lease ? 1 : request.op === "release" ? -1 : 0), 0);
  return { call, asked, held, operations: () => asked.map(({ request }) => request.op), ...more };
}

test("clients that share a state keep one limit", async () => {
  const sharedState = stateInMemory();
  // Of another name each, they would have a bucket and a pool of their own.
  const model = `shared-${process.pid}`;
  const limits = { model, sharedState, rateLimitCapacity: 2, rateLimitRefillRate: 20 };
  const clients = [client(limits), client(limits)];
  const begun = performance.now();
  await Promise.all(Array.from({ length: 10 }, (_, i) => clients[i % 2].chat(hello())));
  const took = (performance.now() - begun) / 1000;
  assert.ok(took >= 8 / 20, `${took} s`);
  assert.equal(new Set(sharedState.asked.map(({ place }) => place)).size, 1, "they have one address");
  await until(() => sharedState.held() === 0);
  const text = JSON.stringify(sharedState.asked);
  assert.ok(!text.includes("sk-js") && !text.includes(baseUrl), "neither keys nor addresses go to a store");
});

test("a stream holds its lease to its end, and gives it back when it is aborted", async () => {
  const sharedState = stateInMemory();
  const llm = client({ sharedState });
  const stream = llm.chatStream(hello("Count slowly."), { model: "fault-slow-first-token-200" });
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  assert.equal(sharedState.held(), 1);
  stream.abort();
  await until(() => sharedState.held() === 0);
  assert.equal(await llm.chatStream(hello()).text().then((text) => text.length > 0), true);
  await until(() => sharedState.held() === 0);
  const works = sharedState.asked.filter(({ request }) => request.op === "release").map(({ request }) => request.works);
  assert.deepEqual(works.at(-1), true);
});

test("whoever aborts while it waits leaves the line", async () => {
  const sharedState = stateInMemory();
  const llm = client({ sharedState, rateLimitCapacity: 1, rateLimitRefillRate: 0.01 });
  await llm.chat(hello());
  const controller = new AbortController();
  const waiting = failure(llm.chat(hello(), { signal: controller.signal }));
  await until(() => sharedState.asked.at(-1).answer.ticket);
  const { ticket } = sharedState.asked.at(-1).answer;
  controller.abort("no more");
  assert.equal(await waiting, "no more");
  await until(() => sharedState.operations().includes("leave"));
  assert.equal(sharedState.asked.find(({ request }) => request.op === "leave").request.ticket, ticket);
});

test("a state that fails is an error of its own where that is the policy, else there is a share", async () => {
  let works = false;
  const memory = stateInMemory();
  const call = (...parts) => (works ? memory.call(...parts) : Promise.reject(new Error("no route to the store")));
  const strict = client({ sharedState: { call, onFailure: "error", timeout: 0.2 } });
  const error = await failure(strict.chat(hello()));
  assert.ok(error instanceof SharedStateError && error.kind === "shared_state", String(error));
  assert.match(error.message, /no route to the store/);
  assert.ok(error.retryAt instanceof Date);
  const lenient = client({ sharedState: { call } });
  assert.ok((await lenient.chat(hello())).choices.length > 0);
  works = true;
  await until(() => strict.chat(hello()).then(() => true, () => false), 5000);
  const silent = client({ sharedState: { call: () => new Promise(() => {}), onFailure: "error", timeout: 0.05 } });
  assert.match((await failure(silent.chat(hello()))).message, /no answer in time/);
});

test("options of a shared state are checked, in code and with a file", () => {
  for (const sharedState of [null, {}, "redis://", { call: 7 }]) {
    const { problems } = caught(() => client({ sharedState }));
    assert.deepEqual(problems.map(({ path }) => path), ["sharedState"]);
  }
  const call = async () => "";
  const wrong = { call, onFailure: "panic", timeout: 0, leaseTtl: "30" };
  const { problems } = caught(() => OpenAICompatible.loadFromJson({ mine: { m: { api_keys: ["sk-0123456789"], base_url: baseUrl } } }, { sharedState: wrong }));
  assert.deepEqual(problems.map(({ path }) => path), ["sharedState.onFailure", "sharedState.timeout", "sharedState.leaseTtl"]);
});

function caught(act) {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
}
