// What the tests share: clients of the embedded provider, which scripts/with-provider.mjs has started.

import { OpenAICompatible } from "lockkeeper";

export const baseUrl = process.env.LOCKKEEPER_TEST_BASE_URL;
if (!baseUrl) throw new Error("run these by `node scripts/with-provider.mjs node --test tests/js/*.test.mjs`");

let clients = 0;

/** A client of a provider id of its own, so that no test shares a pool with another. */
export function client(options = {}) {
  clients += 1;
  return new OpenAICompatible({
    apiKeys: ["sk-js-test-key-0001", "sk-js-test-key-0002", "sk-js-test-key-0003"],
    providerId: `js-${process.pid}-${clients}`,
    baseUrl,
    model: `m-${process.pid}-${clients}`,
    rateLimitCapacity: 1000,
    retryDelay: 0.01,
    ...options,
  });
}

export const hello = (text = "Hello!") => [{ role: "user", content: text }];

export { failure } from "./failure.mjs";

/** The requests that the provider has seen of a model. */
export async function requestsOf(model) {
  const log = await (await fetch(new URL("/_control/log", baseUrl))).json();
  return log.requests.filter((request) => request.model === model);
}

/** Waits until this holds, for at most so many milliseconds. */
export async function until(holds, milliseconds = 2000) {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${milliseconds} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
