// Runs the rows of the table in some JavaScript host, against the provider that scripts/with-provider.mjs has started.

import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { camelCase } from "../../js/api/errors.js";
import { check, RETRY_DELAY } from "./check.mjs";

const provider = process.env.LOCKKEEPER_TEST_BASE_URL;
if (!provider) throw new Error("run this by `node scripts/with-provider.mjs node --test tests/faults/…`");

/** So many rows run at once: more would be late for want of processors. */
const AT_ONCE = 8;

const folder = new URL("rows/", import.meta.url);
const themes = readdirSync(folder).sort().map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")));

/**
 * Defines a test for each row and way. `caller` makes the call, as call.js does; `baseUrlOf` says by what address
 * this host knows the provider for a row.
 */
export function runTable(host, caller, baseUrlOf = () => provider) {
  describe(`fault table, in ${host}`, { concurrency: AT_ONCE }, () => {
    for (const row of themes.flatMap((theme) => theme.rows)) {
      for (const way of ["chat", "stream"]) {
        const expected = row[way] ?? row.expect;
        const expect = expected && { ...expected, ...row.but_in?.[host] };
        if (expect) test(`${row.id}, ${way}`, () => runRow(row, way, expect, caller, baseUrlOf(row, way)));
      }
    }
  });
}

async function runRow(row, way, expect, caller, baseUrl) {
  const [model, backup] = [`${row.id}.${way}`, `${row.id}.${way}.backup`];
  await script(row.scripts, model);
  await script(row.backup?.scripts, backup);
  const options = Object.fromEntries(Object.entries(row.options ?? {}).map(([name, value]) => [camelCase(name), value]));
  const config = configOf(row, model, backup, baseUrl);
  const seen = await caller({ config, model, backup, times: row.calls ?? 1, way, options });
  check(expect, seen, await requestsFor(model), await requestsFor(backup), await whole());
}

const keyOf = (number) => `sk-fault-table-key-${String(number).padStart(4, "0")}`;

/** The provider of a model is its own too: what is learned of a key is shared within a provider. */
function configOf(row, model, backup, baseUrl) {
  const primary = entryOf(row, baseUrl);
  if (!row.backup) return { [model]: { [model]: primary } };
  primary.fallbacks = [`${backup}/${backup}`];
  return { [model]: { [model]: primary }, [backup]: { [backup]: entryOf(row.backup, baseUrl) } };
}

function entryOf({ keys = 2, settings }, baseUrl) {
  const api_keys = Array.from({ length: keys }, (_, n) => keyOf(n + 1));
  const limits = { rate_limit_capacity: 1000, rate_limit_refill_rate: 1000 };
  return { api_keys, base_url: baseUrl, max_retries: 2, retry_delay: RETRY_DELAY, ...limits, ...settings };
}

/** Tells the provider what to do to this model. */
async function script(scripts = [], model) {
  const elsewhere = `http://localhost:${new URL(provider).port}`;
  for (const { key, ...rest } of scripts) {
    const told = { ...rest, model, key: key && keyOf(key) };
    const body = JSON.stringify(told).replaceAll("{elsewhere}", elsewhere);
    const answer = await fetch(new URL("/_control/faults", provider), { method: "POST", body });
    if (!answer.ok) throw new Error(await answer.text());
  }
}

/** The requests for a model, once the provider has done with the last of them. */
async function requestsFor(model) {
  for (;;) {
    const log = await (await fetch(new URL(`/_control/log?model=${model}`, provider))).json();
    if (log.requests.at(-1)?.finished !== "open") return log.requests;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let well;

/** What the provider answers when all is well. */
function whole() {
  const messages = [{ role: "user", content: "Which way to the lock?" }];
  const body = JSON.stringify({ model: "well", messages });
  well ??= fetch(`${provider}/chat/completions`, { method: "POST", body }).then((answer) => answer.json());
  return well.then((answer) => answer.choices[0].message.content);
}
