// What a client knows outlives its process.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { ConfigError } from "lockkeeper";
import { client, hello } from "./provider.mjs";

/** A provider's answers in turn, by status. */
const answers = (...statuses) => async () => {
  const status = statuses.shift() ?? 200;
  const headers = { "content-type": "application/json", ...(status === 429 && { "retry-after": "60" }) };
  const body = status === 200 ? { choices: [{ message: { content: "Hi!" }, finish_reason: "stop" }] } : { error: { message: "no" } };
  return new Response(JSON.stringify(body), { status, headers });
};

async function experienced(options) {
  const llm = client({ fetch: answers(401, 429), ...options });
  await llm.chat(hello());
  return llm;
}

const states = (llm) => llm.keyPool.statuses().map(({ state }) => state);

test("a snapshot is plain JSON without a key in it", async () => {
  const snapshot = (await experienced()).snapshot();
  const text = JSON.stringify(snapshot);
  assert.deepEqual(JSON.parse(text), snapshot);
  assert.ok(!/sk-|js-test|0001/.test(text.replace(snapshot.model, "")), text);
  assert.equal(snapshot.version, 1);
  assert.deepEqual(snapshot.keys.map(({ state }) => state), ["dead", "cooling", "ready"]);
  assert.ok(Math.abs(snapshot.taken_at - Date.now() / 1000) < 60);
});

test("another process takes it up from a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-"));
  try {
    const [file, program] = [join(folder, "lockkeeper.json"), new URL("snapshot-restored.mjs", import.meta.url).pathname];
    const options = { providerId: "outlives", model: "m" };
    writeFileSync(file, JSON.stringify((await experienced(options)).snapshot()));
    const { stdout, stderr, status } = spawnSync(process.execPath, [program, file, JSON.stringify(options)], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const { states, rests, used } = JSON.parse(stdout);
    assert.deepEqual([states, used], [["dead", "cooling", "ready"], "…0003"]);
    assert.ok(rests > 40 && rests <= 60, `${rests}`);
    assert.equal(JSON.parse(readFileSync(file, "utf8")).version, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is no snapshot of this client is refused, and changes nothing", async () => {
  const llm = client({ providerId: "refuses", model: "m" });
  const good = (await experienced({ providerId: "refuses", model: "m", apiKeys: ["sk-js-test-key-0001", "sk-js-test-key-0002", "sk-js-test-key-0003", "sk-js-test-key-0004"] })).snapshot();
  const fresh = llm.snapshot();
  const cases = [
    [{ ...good, version: 2 }, "version"],
    [{ ...good, model: "another" }, "model"],
    [{ ...good, taken_at: good.taken_at + 1e6 }, "taken_at"],
    [{ ...good, keys: good.keys.map((key) => ({ ...key, key: "0123456789abcdef" })) }, "keys"],
    [{ ...good, keys: [{ ...good.keys[0], state: "well" }] }, "keys[0].state"],
    [{}, "version"],
    [undefined, ""],
    [null, "version"],
    [() => {}, ""],
  ];
  for (const [snapshot, path] of cases) {
    assert.throws(() => llm.restore(snapshot), (error) => error instanceof ConfigError && error.problems[0].path === path, path);
    assert.deepEqual(states(llm), ["ready", "ready", "ready"]);
  }
  llm.restore({ ...good, later: "is passed over" });
  assert.deepEqual(states(llm), ["dead", "cooling", "ready"]);
  llm.restore(fresh);
  assert.deepEqual(states(llm), ["dead", "cooling", "ready"], "nothing gets better");
});
