// An edge worker (Cloudflare Workers and others) that streams answers to a browser. The keys stay here, in the
// secret API_KEYS, separated by commas; BASE_URL and MODEL say whom it asks.
//
// wrangler.toml needs a compatibility_date of 2024-10-14 or later.

import { LLMError, OpenAICompatible } from "lockkeeper";

let llm; // one client for all requests of this isolate: one pool, one bucket

function client({ API_KEYS, BASE_URL, MODEL }) {
  llm ??= new OpenAICompatible({
    apiKeys: API_KEYS.split(","),
    baseUrl: BASE_URL,
    model: MODEL,
    rateLimitCapacity: 20,
    rateLimitRefillRate: 5,
  });
  return llm;
}

export default {
  async fetch(request, env) {
    if (request.method !== "POST") return new Response("POST { messages }", { status: 405 });
    try {
      const { messages } = await request.json();
      // The page that goes away takes its request along.
      return client(env).chatStream(messages, { signal: request.signal }).toResponse();
    } catch (error) {
      const status = error instanceof LLMError ? 503 : 400;
      return Response.json({ error: error.message }, { status });
    }
  },
};
