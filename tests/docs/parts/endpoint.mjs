// What every recipe's endpoint owes that takes messages and streams the answer.

import { problemOfLeaving, slowly } from "./provider-log.mjs";

const body = JSON.stringify({ messages: [{ role: "user", content: "Name three canals." }] });

/** Checks an endpoint, given as a function of a request's init, that asks the provider for `model`. */
export async function endpointChecks(ask, baseUrl, model) {
  const whole = await (await ask({ method: "POST", body })).text();
  const refused = await ask({ method: "POST", body: "no JSON" }).then((response) => response.status, () => "an error");
  return [
    { name: "streams an answer to its end", problem: /^data: \{.*data: \[DONE\]\n\n$/s.test(whole) ? "" : whole },
    { name: "refuses what is no JSON", problem: refused === 400 || refused === "an error" ? "" : `status ${refused}` },
    { name: "lets go of the provider when the reader goes", problem: await leaves(ask, baseUrl, model) },
  ];
}

async function leaves(ask, baseUrl, model) {
  return slowly(baseUrl, async () => {
    const controller = new AbortController();
    const response = await ask({ method: "POST", body, signal: controller.signal });
    const reader = response.body.getReader();
    await reader.read();
    controller.abort();
    await reader.cancel().catch(() => {}); // it is over already
    return problemOfLeaving(baseUrl, model);
  });
}
