// What a provider has seen, and whether a limit was kept.

/** The requests for a model that the provider has seen: when, in seconds, and what they said. */
export async function requestsFor(baseUrl, model) {
  const { requests } = await (await fetch(new URL(`/_control/log?model=${model}`, baseUrl))).json();
  const seen = requests.map(({ started_ms, body }) => ({ at: started_ms / 1000, name: body.messages[0].content }));
  return seen.sort((one, other) => one.at - other.at);
}

/** By how many requests the worst window is above `capacity + rate · t`; below 0 where none is. */
export function excess(requests, { capacity, refillRate }) {
  // The level of a bucket that is taken from as the provider saw it.
  let [level, last, worst] = [capacity, requests[0]?.at, -Infinity];
  for (const { at } of requests) {
    level = Math.min(capacity, level + (at - last) * refillRate) - 1;
    last = at;
    worst = Math.max(worst, -level);
  }
  return worst;
}

/** Jain's index of fairness: 1 where all have the same, 1/n where one has all. */
export function fairness(counts) {
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  return sum(counts) ** 2 / (counts.length * sum(counts.map((count) => count ** 2)));
}
