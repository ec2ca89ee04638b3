// The examples of the README, run as they stand.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import worker from "../../examples/edge-worker.mjs";
import { baseUrl, hello, requestsOf, until } from "./provider.mjs";

const [script, functions] = ["node", "functions"].map((name) => fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url)));

/** Runs the script where this provider.json is: its exit code and what it prints. */
const run = (config, ...args) => runScript(script, config, ...args);

async function runScript(script, config, ...args) {
  const folder = await mkdtemp(join(tmpdir(), "lockkeeper-"));
  await writeFile(join(folder, "provider.json"), JSON.stringify(config));
  const child = spawn(process.execPath, [script, ...args], { cwd: folder });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, printed };
}

test("the script streams an answer", async () => {
  const config = { mine: { "some/model": { base_url: baseUrl, api_keys: ["sk-example-000001"] } } };
  const { code, printed } = await run(config, "mine/some/model", "Hello!");
  assert.equal(code, 0, printed);
  assert.match(printed, /^.{20,}\n\n\d+ LLM tokens, by key …0001\n$/s);
});

test("the script says when to try again", async () => {
  const config = { mine: { "fault-429": { base_url: baseUrl, api_keys: ["sk-example-000002"], timeout: 0.5 } } };
  const { code, printed } = await run(config, "mine/fault-429");
  assert.equal(code, 1);
  assert.match(printed, /^rate_limited: .*\ntry again at /);
});

test("typed functions are carried out", async () => {
  const config = { mine: { "some/model": { base_url: baseUrl, api_keys: ["sk-example-000005"] } } };
  const { code, printed } = await runScript(functions, config, "mine/some/model");
  assert.equal(code, 0, printed);
  assert.match(printed, /^\{"mend":\["p.*\n\{"mend":\["product"\],"mood":"content","stars":1\}\ncontent, 1 of 5, after 1 request\n/s);
  assert.match(printed, /The tool says: .*"metres":3\.2.*\n\nuser, assistant, tool, assistant\n$/s);
});

test("a typed function says what it has tried", async () => {
  const config = { mine: { "fault-422": { base_url: baseUrl, api_keys: ["sk-example-000006"] } } };
  const { code, printed } = await runScript(functions, config, "mine/fault-422");
  assert.equal(code, 1);
  assert.match(printed, /^invalid_request: .*\n  asked by json_schema: /);
});

const env = (MODEL) => ({ API_KEYS: "sk-example-000003,sk-example-000004", BASE_URL: baseUrl, MODEL });
const post = (body, signal) => new Request("https://worker.example.com/", { method: "POST", body: JSON.stringify(body), signal });

test("the worker hands a stream on, and its page's leaving", async () => {
  const MODEL = `edge-${process.pid}`;
  assert.equal((await worker.fetch(new Request("https://worker.example.com/"), env(MODEL))).status, 405);
  const response = await worker.fetch(post({ messages: hello() }), env(MODEL));
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.match(await response.text(), /^data: \{.*data: \[DONE\]\n\n$/s);
  const broken = await worker.fetch(post("no object"), env(MODEL));
  assert.match(await broken.text(), /"error":.*messages/);
  const controller = new AbortController();
  const left = await worker.fetch(post({ messages: hello("to be left") }, controller.signal), env(MODEL));
  const reader = left.body.getReader();
  await reader.read();
  controller.abort();
  await until(async () => (await requestsOf(MODEL)).every((request) => request.finished !== "open"));
});
