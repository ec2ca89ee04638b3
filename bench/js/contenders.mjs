// Who is measured: each gives `chat()`, which resolves to the answer's text, and `stream(see)`, which calls `see`
// with each chunk as an object. They are imported when they are used, since a process measures one of them.

const KEYS = ["sk-bench-0001", "sk-bench-0002", "sk-bench-0003", "sk-bench-0004"];
const MESSAGES = [{ role: "user", content: "How does a lock work?" }];
const PLENTY = 1e9;

/** Another build of lockkeeper than the one in dist/, to compare two. */
const otherBuild = globalThis.process?.env.LOCKKEEPER_BUILD;

/** How to get at a package: Node looks it up, a page imports a bundle of it. */
export const packages = {
  lockkeeper: () => (otherBuild ? import(otherBuild) : import("../../dist/node.js")),
  openai6: () => import("openai6"),
  openai7: () => import("openai7"),
  ai: () => import("ai"),
  aiProvider: () => import("@ai-sdk/openai-compatible"),
  parser: () => import("eventsource-parser"),
  literLlm: () => import("./liter-llm.mjs"),
  bottleneck: () => import("bottleneck"),
  pQueue: () => import("p-queue"),
};

function asks(url, model, fields) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${KEYS[0]}` };
  return fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify({ model, messages: MESSAGES, ...fields }) });
}

const textOf = (answer) => answer.choices[0].message.content;

/** `fetch` and `JSON.parse`, by hand: what all others are measured against. */
async function raw(url) {
  return {
    chat: async (model) => textOf(JSON.parse(await (await asks(url, model)).text())),
    async stream(model, see) {
      const response = await asks(url, model, { stream: true });
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
        rest = lines.pop();
        for (const line of lines) if (line.startsWith("data: ") && line !== "data: [DONE]") see(JSON.parse(line.slice(6)));
      }
    },
  };
}

async function parser(url) {
  const { createParser } = await packages.parser();
  return {
    async stream(model, see) {
      const response = await asks(url, model, { stream: true });
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      const events = createParser({ onEvent: ({ data }) => data !== "[DONE]" && see(JSON.parse(data)) });
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        events.feed(decoder.decode(value, { stream: true }));
      }
    },
  };
}

async function lockkeeper(url) {
  const { OpenAICompatible } = await packages.lockkeeper();
  const of = (model) =>
    new OpenAICompatible({ apiKeys: KEYS, baseUrl: `${url}/v1`, model, rateLimitCapacity: PLENTY, rateLimitRefillRate: PLENTY });
  const clients = new Map();
  const client = (model) => clients.get(model) ?? clients.set(model, of(model)).get(model);
  return {
    ready: () => client("answer"),
    chat: async (model) => textOf(await client(model).chat(MESSAGES)),
    async stream(model, see) {
      for await (const chunk of client(model).chatStream(MESSAGES)) see(chunk);
    },
  };
}

const openai = (name) => async (url) => {
  const { default: OpenAI } = await packages[name]();
  const client = new OpenAI({ apiKey: KEYS[0], baseURL: `${url}/v1`, dangerouslyAllowBrowser: true });
  return {
    chat: async (model) => textOf(await client.chat.completions.create({ model, messages: MESSAGES })),
    async stream(model, see) {
      for await (const chunk of await client.chat.completions.create({ model, messages: MESSAGES, stream: true })) see(chunk);
    },
  };
};

async function vercel(url) {
  const [{ generateText, streamText }, { createOpenAICompatible }] = await Promise.all([packages.ai(), packages.aiProvider()]);
  const provider = createOpenAICompatible({ name: "bench", apiKey: KEYS[0], baseURL: `${url}/v1` });
  return {
    chat: async (model) => (await generateText({ model: provider(model), messages: MESSAGES })).text,
    async stream(model, see) {
      for await (const part of streamText({ model: provider(model), messages: MESSAGES }).fullStream) if (part.type === "text-delta") see(part);
    },
  };
}

async function literLlm(url) {
  const { createClient, WasmChatCompletionRequest } = await (await packages.literLlm()).ready();
  const client = createClient(KEYS[0], `${url}/v1`, undefined, undefined, "openai");
  const request = (model) => {
    const request = WasmChatCompletionRequest.default();
    return Object.assign(request, { model, messages: MESSAGES });
  };
  return {
    chat: async (model) => textOf(await client.chat(request(model))),
    async stream(model, see) {
      const stream = await client.chatStream(Object.assign(request(model), { stream: true }));
      for (let chunk; (chunk = await stream.next()) != null; ) see(chunk);
    },
  };
}

async function bottleneck(url) {
  const { default: Bottleneck } = await packages.bottleneck();
  const limiter = new Bottleneck({ reservoir: PLENTY, maxConcurrent: 1000 });
  const { chat } = await raw(url);
  return { chat: (model) => limiter.schedule(() => chat(model)) };
}

async function pQueue(url) {
  const { default: PQueue } = await packages.pQueue();
  const queue = new PQueue({ intervalCap: PLENTY, interval: 1000, concurrency: 1000 });
  const { chat } = await raw(url);
  return { chat: (model) => queue.add(() => chat(model)) };
}

export const contenders = {
  raw,
  lockkeeper,
  "eventsource-parser": parser,
  "openai 6": openai("openai6"),
  "openai 7": openai("openai7"),
  "Vercel AI": vercel,
  "liter-llm": literLlm,
  bottleneck,
  "p-queue": pQueue,
};
