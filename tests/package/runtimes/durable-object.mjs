// Two Cloudflare workers, each an isolate of its own, that share one limit in a Durable Object.

import { excess, fairness, requestsFor } from "../../shared_state/judge.mjs";
import { write } from "../parts/project.mjs";
import { start, worker } from "../parts/workerd.mjs";

const LIMIT = { capacity: 4, refillRate: 20 };
const JITTER = 0.1; // seconds by which the delays of two requests may differ
const CALLS = 30; // of each worker

export async function test({ project, baseUrl }) {
  const model = `durable-${process.pid}`;
  const { url, stop } = await start(await workers(project, baseUrl, model));
  try {
    const answers = await Promise.all(["one", "two"].map(async (name) => (await fetch(new URL(`${name}/${CALLS}`, url))).json()));
    const kept = await Promise.all(["one", "two"].map(async (name) => (await fetch(new URL(`${name}/kept`, url))).json()));
    return checks(answers.flat(), await requestsFor(baseUrl, model), kept);
  } finally {
    await stop();
  }
}

function checks(answers, requests, kept) {
  const problems = answers.filter(({ text }) => !text);
  const half = requests[0].at + (requests.at(-1).at - requests[0].at) / 2;
  const counts = ["one", "two"].map((name) => requests.filter((request) => request.name === name && request.at < half).length);
  const makespan = requests.at(-1).at - requests[0].at;
  const optimum = (2 * CALLS - LIMIT.capacity) / LIMIT.refillRate;
  const [over, fair] = [excess(requests, LIMIT), fairness(counts)];
  console.log(`makespan ${makespan.toFixed(2)} s of ${optimum} s, Jain's index ${fair.toFixed(3)} (${counts}), ${over.toFixed(2)} requests above the limit`);
  return [
    { name: "all are answered", problem: problems.length ? JSON.stringify(problems) : undefined },
    { name: "the limit holds for both together", problem: over <= JITTER * LIMIT.refillRate ? undefined : `${over} requests above the limit` },
    { name: "and is used", problem: makespan <= 1.1 * optimum ? undefined : `${makespan} s for ${optimum}` },
    { name: "neither starves", problem: fair >= 0.95 ? undefined : `${counts}` },
    { name: "what was leased is given back", problem: kept.every(({ leases }) => leases === 0) ? undefined : JSON.stringify(kept) },
    { name: "both are known", problem: kept.every(({ processes }) => processes === 2) ? undefined : JSON.stringify(kept) },
  ];
}

async function workers(project, baseUrl, model) {
  const main = write(
    project,
    "durable-object/main.js",
    `import { OpenAICompatible } from "lockkeeper";
    import { LockkeeperState, durableObjectState } from "lockkeeper/cloudflare";
    export { LockkeeperState };
    let llm;
    const kept = { leases: 0 };
    /** Counts the leases that are held, as the object has them. */
    const counted = (state) => ({
      async call(place, request) {
        const answer = await state.call(place, request);
        kept.leases += "lease" in JSON.parse(answer) ? 1 : JSON.parse(request).op === "release" ? -1 : 0;
        kept.processes = JSON.parse(answer).processes;
        return answer;
      },
    });
    const ask = (name) => llm.chat([{ role: "user", content: name }]).then(({ choices }) => ({ text: choices[0].message.content }), (error) => ({ error: String(error) }));
    export default {
      async fetch(request, env) {
        if (request.url.endsWith("/kept")) return Response.json(kept);
        llm ??= new OpenAICompatible({
          baseUrl: "${baseUrl}", model: "${model}", apiKeys: ["sk-durable-test-0001", "sk-durable-test-0002"],
          rateLimitCapacity: ${LIMIT.capacity}, rateLimitRefillRate: ${LIMIT.refillRate}, sharedState: counted(durableObjectState(env.LIMITS)),
        });
        let left = Number(new URL(request.url).pathname.slice(1));
        const answers = [];
        const caller = async () => {
          while (left-- > 0) answers.push(await ask(env.NAME));
        };
        await Promise.all(Array.from({ length: 5 }, caller));
        return Response.json(answers);
      },
    };`,
  );
  const front = write(
    project,
    "durable-object/front.js",
    `export default {
      async fetch(request, env) {
        const [, name, path] = new URL(request.url).pathname.split("/");
        return env[name].fetch("http://worker.example/" + path);
      },
    };`,
  );
  const limits = (scriptName) => ({ LIMITS: { className: "LockkeeperState", ...scriptName } });
  return [
    await worker(project, "front", front, { serviceBindings: { one: "one", two: "two" } }),
    await worker(project, "one", main, { bindings: { NAME: "one" }, durableObjects: limits({}) }),
    await worker(project, "two", main, { bindings: { NAME: "two" }, durableObjects: limits({ scriptName: "one" }) }),
  ];
}
