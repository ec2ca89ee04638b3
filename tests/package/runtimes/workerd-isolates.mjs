// One client for all requests of a Cloudflare worker. Requests share a thread, but nothing that does I/O; and one whose
// client disconnects ends without a word: no timer of its own rings any more, no promise goes on, no `finally` runs.

import { write } from "../parts/project.mjs";
import { start, worker } from "../parts/workerd.mjs";

const [REQUESTS, CUT] = [50, 20];
// From this date on what one request resolves goes on in the context of the other that waits for it.
const OLDEST = "2024-10-14";

export async function test({ project, baseUrl }) {
  const runs = [
    { name: "who waits for the bucket", model: "isolates-bucket", capacity: 2 },
    { name: "who waits for the bucket and hands its signal on", model: "isolates-signal", capacity: 2, signal: true },
    { name: "who waits for the provider", model: "fault-slow-headers-700", capacity: REQUESTS },
    { name: "who waits for the provider and hands its signal on", model: "fault-slow-headers-701", capacity: REQUESTS, signal: true },
    { name: "who passes a stream on", model: "fault-slow-first-token-700", capacity: REQUESTS, stream: true },
    { name: "who waits where isolates are old", model: "isolates-old", capacity: 2, compatibilityDate: OLDEST },
  ];
  const results = [];
  for (const { name, ...run } of runs) {
    for (const [what, problem] of await losses(project, baseUrl, run)) results.push({ name: `${name}: ${what}`, problem });
  }
  return results;
}

/** Fifty requests at once, of which twenty are cut; then what became of them. */
async function losses(project, baseUrl, run) {
  const { url, stop } = await start(await workers(project, baseUrl, run));
  try {
    const answers = await (await fetch(new URL(`?requests=${REQUESTS}&cut=${CUT}`, url))).json();
    const kept = answers.filter(({ cut }) => !cut);
    const unanswered = kept.filter(({ text }) => !(text?.length > 10));
    const [rest, after] = [await settled(url), answers.find(({ id }) => id === "after")];
    const inTurn = rest.begun.every((call, i) => i === 0 || call > rest.begun[i - 1]);
    const wanted = REQUESTS - CUT + 1;
    return [
      ["the others are answered", unanswered.length || kept.length !== wanted ? JSON.stringify(unanswered) : undefined],
      ["in turn", inTurn ? undefined : `begun in the order ${rest.begun}`],
      ["and so is who comes after", after?.text ? undefined : JSON.stringify(after)],
      ["no key and no place is kept", rest.inFlight || rest.waiters ? JSON.stringify({ ...rest, begun: undefined }) : undefined],
      ["no connection is", (await open(baseUrl)) ? "a connection stays open" : undefined],
    ];
  } finally {
    await stop();
  }
}

/** A worker with the client, and before it one that sends the requests and cuts them, as the network does. */
async function workers(project, baseUrl, { model, capacity, signal, stream, compatibilityDate }) {
  const client = write(
    project,
    `workerd-isolates/${model}/client.js`,
    `import { OpenAICompatible } from "lockkeeper";
    const llm = new OpenAICompatible({
      baseUrl: "${baseUrl}", model: "${model}", apiKeys: ["sk-isolates-test-0001", "sk-isolates-test-0002"],
      rateLimitCapacity: ${capacity}, rateLimitRefillRate: 20,
    });
    const begun = [];
    llm.on("attempt", ({ call }) => begun.push(call));
    export default {
      async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/stats") {
          const { keyPool, tokenBucket } = llm;
          return Response.json({ begun, ...llm.stats(), inFlight: keyPool.inFlight, waiters: tokenBucket.waiters });
        }
        const options = ${signal ? "{ signal: request.signal }" : "{}"};
        const messages = [{ role: "user", content: "id=" + pathname.slice(1) }];
        if (${Boolean(stream)}) return llm.chatStream(messages, options).toResponse();
        const answer = await llm.chat(messages, options);
        return new Response(answer.choices[0].message.content);
      },
    };`,
  );
  const front = write(
    project,
    `workerd-isolates/${model}/front.js`,
    `const get = (env, path, signal) => env.CLIENT.fetch(new Request("http://client.example/" + path, { signal }));
    async function ask(env, id, cutAfter) {
      const controller = new AbortController();
      if (cutAfter !== undefined) setTimeout(() => controller.abort(), cutAfter);
      try {
        const asked = get(env, id, controller.signal).then((response) => response.text());
        const late = new Promise((_, reject) => setTimeout(() => reject(new Error("hangs")), 8000));
        return { id, cut: cutAfter !== undefined, text: await Promise.race([asked, late]) };
      } catch (error) {
        return { id, cut: cutAfter !== undefined, error: String(error) };
      }
    }
    export default {
      async fetch(request, env) {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === "/stats") return get(env, "stats");
        const [requests, cut] = ["requests", "cut"].map((name) => Number(searchParams.get(name)));
        const cutAfter = (id) => (id * cut) % requests < cut ? 100 + 5 * id : undefined;
        const answers = await Promise.all(Array.from({ length: requests }, (_, id) => ask(env, id, cutAfter(id))));
        answers.push(await ask(env, "after"));
        return Response.json(answers);
      },
    };`,
  );
  const flags = signal ? ["enable_request_signal"] : [];
  return [
    await worker(project, "front", front, { serviceBindings: { CLIENT: "client" } }),
    await worker(project, "client", client, { flags, compatibilityDate }),
  ];
}

/** What the client says of itself when it has noticed who is gone: calls that live let go of what the dead have held. */
async function settled(url) {
  for (let tries = 0; ; tries++) {
    const stats = await (await fetch(new URL("stats", url))).json();
    if (tries === 5 || (!stats.inFlight && !stats.waiters)) return stats;
    await (await fetch(new URL("?requests=10&cut=0", url))).json();
  }
}

/** How many connections the provider has to answer still. */
async function open(baseUrl) {
  return (await (await fetch(new URL("/_control", baseUrl))).json()).open;
}
