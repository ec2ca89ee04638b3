// The connection: a real service, a provider.json, and where keys may not be.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { picture, startSite, until } from "./harness.mjs";
import { ended, say, stage, textOf } from "./stage.mjs";

const it = stage();

/** Another service, at an origin of its own: remembers the keys that come, and answers in one chunk. */
async function startService(test) {
  const keys = [];
  const site = await startSite(async (request, response) => {
    const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "content-type": "text/event-stream" };
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    keys.push([request.url, request.headers.authorization]);
    request.resume();
    await once(request, "end");
    const chunk = { choices: [{ index: 0, delta: { content: "From **elsewhere**.", reasoning_content: "Let me think." }, finish_reason: "stop" }] };
    response.writeHead(200, headers).end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
  });
  test.after(() => site.end());
  return { ...site, keys };
}

/** Everything that a page can leave behind, or show. */
const left = (page) =>
  page.evaluate(async () =>
    [location.href, document.cookie, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }),
      JSON.stringify(await indexedDB.databases()), JSON.stringify(await caches.keys()), JSON.stringify(history.state),
      document.documentElement.outerHTML, ...[...document.querySelectorAll("input, textarea")].map((field) => field.value)].join("\n"));

const dialog = (page) => page.getByRole("dialog");

test("a service at another address is asked with the keys of the form, which are kept nowhere", async (t) => {
  const service = await startService(t);
  const page = await it.show();
  await page.locator("#open-settings").click();
  await dialog(page).getByText(/not stored, they are not in the URL/).waitFor();
  await dialog(page).getByLabel("Base URL").fill(`${service.url}v1`);
  await dialog(page).getByLabel("Model", { exact: true }).fill("theirs");
  await dialog(page).getByLabel("API keys").fill("sk-of-somebody-one\nsk-of-somebody-two");
  await dialog(page).getByRole("button", { name: "Connect" }).click();
  await page.getByText(new URL(service.url).host, { exact: true }).waitFor();
  assert.ok(await page.locator("#trouble").isHidden(), "what is not ours cannot be broken");
  await say(page, "Who are you?");
  await ended(page);
  assert.match(await textOf(page), /From elsewhere/);
  assert.match(await page.locator(".thinking").textContent(), /Let me think/);
  assert.deepEqual(service.keys, [["/v1/chat/completions", "Bearer sk-of-somebody-one"]]);
  assert.deepEqual(await page.locator(".key-row code").allTextContents(), ["…-one", "…-two"]);
  assert.ok(!(await left(page)).includes("sk-of-somebody"), "the keys are nowhere");
  assert.deepEqual(it.shown.wrong, []);
});

test("a provider.json is taken as it is, with all its models", async (t) => {
  const service = await startService(t);
  const page = await it.show();
  const entry = { base_url: `${service.url}v1`, api_keys: ["sk-from-the-file"] };
  await page.locator("#open-settings").click();
  await dialog(page).getByRole("tab", { name: "provider.json" }).click();
  await picture(page, "settings-file");
  const field = dialog(page).getByLabel(/text of a provider.json/);
  await field.fill(JSON.stringify({ mine: { a: { ...entry, rate_limit: 1 } } }));
  await dialog(page).getByRole("button", { name: "Connect" }).click();
  await dialog(page).getByRole("alert").getByText(/mine\.a/).waitFor();
  await field.fill(JSON.stringify({ mine: { a: entry, b: entry } }));
  await dialog(page).getByRole("button", { name: "Connect" }).click();
  const model = page.locator("#model");
  await until(async () => (await model.locator("option").allTextContents()).join() === "mine/a,mine/b", "both are on offer");
  await model.selectOption("mine/b");
  await say(page, "Hello?");
  await ended(page);
  assert.deepEqual(service.keys, [["/v1/chat/completions", "Bearer sk-from-the-file"]]);
  assert.ok(!(await left(page)).includes("sk-from-the-file"), "the key is nowhere");
  assert.deepEqual(it.shown.wrong, []);
});

test("a service elsewhere needs a warning, a wrong setting an explanation", async () => {
  const page = await it.show();
  await page.locator("#open-settings").click();
  await dialog(page).getByLabel("Base URL").fill("https://llm.example/v1");
  await dialog(page).getByText(/not on this machine.*dangerouslyAllowBrowser/).waitFor();
  await picture(page, "settings");
  await dialog(page).getByLabel("Bucket capacity").fill("0");
  await dialog(page).getByRole("button", { name: "Connect" }).click();
  await dialog(page).getByRole("alert").waitFor();
  await dialog(page).getByLabel("Bucket capacity").fill("5");
  await dialog(page).getByLabel("API keys").fill("sk-of-somebody-else");
  await dialog(page).getByRole("button", { name: "Connect" }).click();
  await page.getByText("llm.example", { exact: true }).waitFor();
  assert.deepEqual(await page.locator(".key-row code").allTextContents(), ["…else"]);
  assert.deepEqual(it.shown.wrong, []);
});

test("a service that cannot be reached is said to be so, in all attempts", async () => {
  const page = await it.show();
  const gone = await startSite(() => {});
  gone.end();
  await page.locator("#open-settings").click();
  await dialog(page).getByRole("tab", { name: "provider.json" }).click();
  const entry = { base_url: `${gone.url}v1`, api_keys: ["sk-for-nobody"], max_retries: 1, retry_delay: 0.1 };
  await dialog(page).getByLabel(/text of a provider.json/).fill(JSON.stringify({ mine: { gone: entry } }));
  await dialog(page).getByRole("button", { name: "Connect" }).click();
  await say(page, "Is anybody there?");
  await ended(page);
  const words = await page.locator(".failure").textContent();
  for (const fact of [/^ConnectionError: /, /out of reach.*CORS/, /2 attempts/, /…body connection/]) assert.match(words, fact);
  assert.deepEqual(it.unexpected(), []);
});
