// Keys show nowhere: whatever a provider echoes, whatever is looked at, no part of a key is there.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import test from "node:test";
import { inspect } from "node:util";
import { APIKeyPool, OpenAICompatible, setLogLevel } from "lockkeeper";
import { failure } from "./provider.mjs";

const KEY = "sk-echo/Zq8vT3nL5wXyB7cR2dK9mF4h-0001";
const GATEWAY = "gw-Pw6jS1uH8eGxN5tA3bV0yQ7k-0002";
const SHOWN = 4; // the last characters, which labels show
const PART = 8;
const COMMON = 4; // how keys begin

/** Panics where a part of a secret can be seen, however it is spelled. */
function showsNoKey(where, text) {
  const plain = text.replace(/%([0-9a-f]{2})|\\u00([0-9a-f]{2})/gi, (_, a, b) => String.fromCharCode(parseInt(a ?? b, 16))).replace(/\\(.)/g, "$1");
  for (const secret of [KEY, GATEWAY]) {
    for (let at = COMMON; at + PART <= secret.length - SHOWN; at += 1) {
      const part = secret.slice(at, at + PART);
      const place = plain.indexOf(part);
      assert.ok(place < 0, `${where}: …${plain.slice(Math.max(0, place - 60), place + 60)}…`);
    }
  }
}

/** All that can be seen of a value. */
function seenOf(value) {
  const texts = [inspect(value, { depth: Infinity, showHidden: true, getters: true, maxStringLength: Infinity, maxArrayLength: Infinity }), String(value)];
  for (const look of [JSON.stringify, (it) => inspect(structuredClone(it))]) {
    try {
      texts.push(look(value) ?? "");
    } catch (error) {
      texts.push(inspect(error)); // a class's functions can't be cloned
    }
  }
  for (let error = value; error instanceof Error; error = error.cause) texts.push(error.message, error.stack, `${error}`);
  return texts.join("\n");
}

const unicode = (text) => [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
const answer = (head, body) => `HTTP/1.1 ${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
const events = (...data) => answer("200 OK\r\nContent-Type: text/event-stream", data.map((one) => `${one}\n\n`).join(""));
const error = (message) => JSON.stringify({ error: { message, type: message, code: message, param: message } });
const TEXT = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}';

/** Everything that a provider may do with the key that it was sent, by name. */
const ECHOES = {
  status: (key) => answer(`401 no ${key}`, error(`bad key ${key}, ${GATEWAY}`)),
  spelled: (key) => answer("400 Bad", `{"error":{"message":"no ${unicode(key)} ${key.replaceAll("/", "\\/")} ${encodeURIComponent(key)}"}}`),
  text: (key) => answer("400 Bad", `no ${key} here`),
  shortened: (key) => answer("400 Bad", error(`no ${key.slice(0, 24)}... here`)),
  cut: (key) => answer("502 Bad", `${"x".repeat(1990)}${key}`),
  header: (key) => answer(`403 no\r\nX-Request-Id: ${key}\r\nX-Echo: Bearer ${key}\r\nWWW-Authenticate: Bearer ${GATEWAY}`, error("no")),
  missing: (key) => answer("404 no", error(key)),
  limited: (key) => answer(`429 slow\r\nRetry-After: 0\r\nX-Ratelimit-Reset-Requests: ${key}`, error(key)),
  page: (key) => answer("500 Oh\r\nContent-Type: text/html", `<html><title>${key}</title><p>${key}</html>`),
  redirect: (key) => answer(`307 Moved\r\nLocation: https://${encodeURIComponent(key)}@evil.test/${key}?k=${key}#${key}`, ""),
  refused: (key) => answer("200 OK", error(key)),
  garbage: (key) => answer("200 OK", `${key} is no JSON`),
  broken: (key) => answer(`200 OK\r\nX-Request-Id: ${key}`, `{"choices": ${key}}`),
  event: (key) => events(`data: ${error(key)}`),
  named: (key) => events(TEXT, `event: error\ndata: ${error(key)}`),
  late: (key) => events(`: ${key}`, TEXT, `data: ${error(key)}`),
  undecodable: (key) => events(TEXT, `data: ${key}`),
  ended: (key) => `HTTP/1.1 200 OK\r\nX-Request-Id: ${key}\r\nContent-Length: 1000\r\n\r\n${TEXT}\n\n: ${key}`,
  malformed: (key) => `HTTP/1.1 200 OK\r\nX-Echo ${key}\u0001: ${key}\r\n\r\n${key}`,
};

/** A provider that answers so to a request that names it, and keeps what it has seen. */
async function echo() {
  const requests = [];
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      text += bytes;
      const [head, body] = text.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < length) return;
      requests.push(text);
      const [, key] = /authorization: Bearer (\S+)/i.exec(head);
      socket.end(ECHOES[JSON.parse(body).model](key));
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { requests, baseUrl: `http://127.0.0.1:${server.address().port}/v1` };
}

/** What the console is told while this is done. */
async function logged(act) {
  const told = [];
  const was = { ...console };
  for (const name of ["log", "info", "warn", "error", "debug"]) console[name] = (...parts) => told.push(parts.map(seenOf).join(" "));
  setLogLevel("debug");
  try {
    await act();
  } finally {
    setLogLevel("off");
    Object.assign(console, was);
  }
  return told;
}

let clients = 0;

function clientOf(baseUrl, options) {
  clients += 1;
  const headers = { "X-Gateway": GATEWAY, "X-Proxy": `Basic ${GATEWAY}` };
  return new OpenAICompatible({
    apiKeys: [KEY], providerId: `echo-${clients}`, baseUrl, model: `m-${clients}`, headers, query: { "gateway-key": GATEWAY },
    maxRetries: 1, retryDelay: 0.001, rateLimitCapacity: 1000, ...options,
  });
}

const NAMES = ["wait", "attempt", "headers", "firstToken", "failure", "end"];

/** Calls the provider in every way that there is, each with a key that is well; all that can be seen of it, by where. */
async function seenOfCalls(make, model) {
  const seen = [];
  const see = (where, value) => seen.push([where, typeof value === "string" ? value : seenOf(value)]);
  const messages = [{ role: "user", content: "Hello!" }];
  const ways = {
    chat: (llm) => failure(llm.chat(messages, { model })),
    async stream(llm) {
      const stream = llm.chatStream(messages, { model });
      see("a stream's error", await failure(stream.text()));
      return stream;
    },
    async loop(llm) {
      const iterator = llm.chatStream(messages, { model })[Symbol.asyncIterator]();
      see("a loop's error", await failure((async () => { while (!(await iterator.next()).done); })()));
      return iterator;
    },
    response: (llm) => llm.chatStream(messages, { model }).toResponse().text(),
    fetch: (llm) => fetched(llm, { model, messages }),
    "fetch a stream": (llm) => fetched(llm, { model, messages, stream: true }),
  };
  for (const [way, call] of Object.entries(ways)) {
    const llm = make();
    for (const name of NAMES) llm.on(name, (event) => see(`event ${name}`, event));
    see(way, await call(llm));
    for (const object of [llm, llm.keyPool, llm.keyPool.statuses(), llm.tokenBucket, llm.stats(), llm.fetch]) see("an object", object);
    assert.equal(llm.keyPool.inFlight, 0);
  }
  return seen;
}

/** What the client's `fetch` gives for this body, in one text. */
async function fetched(llm, body) {
  const response = await llm.fetch(`${llm.baseUrl}/chat/completions`, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text().catch(seenOf);
  return [response.status, response.statusText, JSON.stringify([...response.headers]), text, seenOf(response)].join("\n");
}

test("nothing that can be seen of a call shows a key, whatever the provider echoes", async () => {
  const provider = await echo();
  for (const name of Object.keys(ECHOES)) {
    const before = provider.requests.length;
    let seen;
    const told = await logged(async () => (seen = await seenOfCalls(() => clientOf(provider.baseUrl), name)));
    for (const [where, text] of seen) showsNoKey(`${name}, ${where}`, text);
    for (const text of told) showsNoKey(`${name}, console`, text);
    assert.ok(told.length > 0 && seen.some(([where]) => where === "event failure"), `${name}: somebody is told`);
    assert.ok(provider.requests.length >= before + 6, `${name}: it was asked in every way`);
  }
  for (const request of provider.requests) {
    assert.match(request, /^POST \/v1\/chat\/completions\?gateway-key=/);
    const rest = request.replace(/\r\nauthorization: Bearer \S+/i, "").replace(/gateway-key=\S+/, "").replace(/\r\nx-(gateway|proxy): [^\r]*/gi, "");
    showsNoKey("a request, besides the headers that it belongs to", rest);
  }
});

test("what a fetch of one's own throws is told without the key", async () => {
  const key = `Bearer ${KEY}`;
  const throws = [
    (init) => Object.assign(new TypeError("no network"), { request: init, code: "ENOTFOUND" }),
    (init) => new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { options: init, code: "ECONNRESET" }) }),
    () => new TypeError("fetch failed", { cause: new Error(`no ${key}`) }),
    () => new Error(`no ${key}`, { cause: new Error("why") }),
    () => ({ message: "odd", headers: { key } }),
    () => `no ${key}`,
  ];
  for (const [place, thrown] of throws.entries()) {
    const fetch = async (_, init) => { throw thrown(init); };
    const make = () => clientOf("https://api.example.test/v1", { maxRetries: 0, fetch });
    for (const [where, text] of await seenOfCalls(make, "any")) showsNoKey(`${place}, ${where}`, text);
    const error = await failure(make().chat([{ role: "user", content: "Hello!" }]));
    assert.equal(error.kind, "connection");
    if (place === 0) assert.deepEqual([error.cause.name, error.cause.message, error.cause.code], ["TypeError", "no network", "ENOTFOUND"]);
    if (place === 1) assert.deepEqual([error.cause.message, error.cause.cause.message, error.cause.cause.code], ["fetch failed", "reset", "ECONNRESET"]);
  }
});

test("what is wrong with a configuration is told without its keys", async () => {
  const options = { apiKeys: [KEY], baseUrl: "https://api.example.test/v1", model: "m" };
  const file = (entry) => JSON.stringify({ openai: { m: { api_keys: [KEY], ...entry } } });
  const pool = new APIKeyPool({ apiKeys: [KEY], providerId: "secrets-pool" });
  const wrong = [
    () => new OpenAICompatible({ ...options, apiKeys: [`${KEY} `] }),
    () => new OpenAICompatible({ ...options, apiKeys: { [KEY]: KEY } }),
    () => new OpenAICompatible({ ...options, apiKeys: [KEY, 5] }),
    () => new OpenAICompatible({ ...options, baseUrl: `https://${encodeURIComponent(KEY)}@h` }),
    () => new OpenAICompatible({ ...options, baseUrl: `https://h/v1?key=${KEY}` }),
    () => new OpenAICompatible({ ...options, baseUrl: KEY }),
    () => new OpenAICompatible({ ...options, headers: { "x-a": `${KEY}\n` } }),
    () => new OpenAICompatible({ ...options, headers: { [`Authorization: Bearer ${KEY}`]: "" } }),
    () => new OpenAICompatible({ ...options, headers: { authorization: KEY } }),
    () => new OpenAICompatible({ ...options, timeout: 50_000 }),
    () => OpenAICompatible.loadFromJson(`{"openai": {"m": {"api_keys": ["${KEY}" "${KEY}"]}}}`),
    () => OpenAICompatible.loadFromJson(file({ api_keys: KEY })),
    () => OpenAICompatible.loadFromJson(file({ api_keys: ["$NAME"] }), { env: { NAME: `${KEY} x` } }),
    () => OpenAICompatible.loadFromJson(file({ base_url: KEY, api_key: KEY, model: 5 })),
    () => OpenAICompatible.loadFromJsonFile(` ${file()}`),
    () => pool.addKey(`${KEY}\n`),
    () => pool.reload([KEY, ""]),
    () => new APIKeyPool({ apiKeys: [`${KEY}\u00e4`], providerId: "p" }),
    () => new OpenAICompatible(options).fetch(`/v1/models?key=${KEY}`),
    () => new OpenAICompatible(options).fetch(`https://elsewhere.test/v1/models?key=${KEY}`),
  ];
  for (const [place, act] of wrong.entries()) {
    const error = await failure((async () => act())());
    assert.equal(error.kind, "config", `${place}: ${error}`);
    showsNoKey(String(place), seenOf(error));
  }
  showsNoKey("a pool", seenOf(pool));
  assert.equal(pool.getLeastLoadedKey(), KEY, "whoever asks for it is told");
});

test("in a page, keys for a service elsewhere need a word", async () => {
  globalThis.window = { document: {}, location: { origin: "https://app.test" } };
  try {
    const made = (baseUrl, more) => clientOf(baseUrl, more).baseUrl;
    const error = await failure((async () => made("https://api.example.test/v1"))());
    assert.deepEqual(error.problems.map(({ path }) => path), ["dangerouslyAllowBrowser"]);
    const file = { openai: { m: { api_keys: [KEY] } } };
    assert.equal((await failure((async () => OpenAICompatible.loadFromJson(file))())).kind, "config");
    made("https://api.example.test/v1", { dangerouslyAllowBrowser: true });
    made("https://app.test/v1");
    made("http://127.0.0.1:8080/v1");
  } finally {
    delete globalThis.window;
  }
});
