// What users' programs do with the types. Compiled, never run.

import type { ChatCompletion as OpenAICompletion, ChatCompletionChunk as OpenAIChunk, ChatCompletionMessageParam } from "openai/resources/chat/completions";
import OpenAI from "openai";
import {
  APIKeyPool, type ChatCompletion, type ChatCompletionChunk, type ChatMessage, ChatStream, ConfigError, type ErrorKind, Fallback,
  type LLMInterface, LLMError, OpenAICompatible, RateLimitError, TokenBucket, estimateTokens, setLogLevel,
} from "lockkeeper";
import { LockkeeperState, durableObjectState } from "lockkeeper/cloudflare";
import { redisState, upstash } from "lockkeeper/redis";
import { init } from "lockkeeper/slim";
import binary from "lockkeeper/wasm";

init(binary);
setLogLevel("warn");

const providers = OpenAICompatible.loadFromJson({ openai: {} }, { env: { KEY: "…" } });

// A shared state is an object with one function; where there is more to say, it is said beside it.
declare const namespace: { idFromName(name: string): object; get(id: object): { fetch(input: string, init: RequestInit): Promise<Response> } };
const sharedState = { ...redisState(upstash({ url: "https://…", token: "…" })), onFailure: "error" } as const;
export const sharing = [
  new OpenAICompatible({ model: "m", apiKeys: "k", sharedState }),
  new OpenAICompatible({ model: "m", apiKeys: "k", sharedState: durableObjectState(namespace) }),
  new OpenAICompatible({ model: "m", apiKeys: "k", sharedState: { call: async (place, request) => place + request } }),
];
export class State extends LockkeeperState {}

const llm: LLMInterface = providers["openai"]!["gpt-4"]!;

// What is answered fits where OpenAI's own types are asked for.
export const completion: Promise<OpenAICompletion> = llm.chat([{ role: "user", content: "Hello" }]);
export async function chunks(): Promise<OpenAIChunk[]> {
  const all: OpenAIChunk[] = [];
  for await (const chunk of llm.chatStream([{ role: "user", content: "Hello" }])) all.push(chunk);
  return all;
}

// OpenAI's own messages may be sent, and ours.
declare const messages: ChatCompletionMessageParam[];
declare const own: ChatMessage[];
export const answers: Promise<ChatCompletion>[] = [
  llm.chat(messages, { temperature: 0.2, signal: new AbortController().signal }),
  llm.chat(own, { tools: [], response_format: { type: "json_object" } }),
  llm.chat([{ role: "user", content: [{ type: "image_url", image_url: { url: "https://…" } }] }]),
];

// The answer goes back into the conversation, and options may be of an interface of one's own.
interface MyOptions {
  temperature?: number;
  my_provider_wants?: string;
}
export async function loop(mine: MyOptions): Promise<void> {
  own.push((await llm.chat(own, mine)).choices[0]!.message);
  await llm.chat(own, { timeout: 5, safe_prompt: true });
  await llm.chat([{ role: "user", content: "Hello", cache_control: { type: "ephemeral" } }]);
  // @ts-expect-error seconds are a number
  await llm.chat(own, { timeout: "5" });
}
export class Mine implements LLMInterface {
  chat = async (messages: ReadonlyArray<{ role: string }>): Promise<ChatCompletion> => llm.chat(messages);
  chatStream(messages: ReadonlyArray<{ role: string }>) {
    return llm.chatStream(messages);
  }
}

// An SDK takes the client's fetch.
const client = new OpenAICompatible({ model: "gpt-4", apiKeys: "sk-…", providerId: "openai" });
export const sdk = new OpenAI({ apiKey: "-", fetch: client.fetch, maxRetries: 0 });

// An interface of one's own.
export const echo: LLMInterface = {
  chat: async () => completion as Promise<ChatCompletion>,
  chatStream: () => ChatStream.from([] as ChatCompletionChunk[]),
};

export async function errors(): Promise<string> {
  try {
    return (await client.chat([])).choices[0]?.message.content ?? "";
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, line }) => `${path}:${line}`).join();
    if (error instanceof RateLimitError) return `${error.retryAt?.toISOString()} ${error.kind satisfies "rate_limited"}`;
    if (error instanceof LLMError) return `${error.kind satisfies ErrorKind} ${error.status} ${error.attempts[0]?.keyLabel}`;
    throw error;
  }
}

export async function parts(): Promise<number> {
  const pool = new APIKeyPool({ apiKeys: ["a", "b"], providerId: "openai" });
  const bucket = new TokenBucket({ capacity: 2, refillRate: 1 });
  await bucket.acquire(1, { timeout: 1 });
  const end = client.on("wait", (event) => console.log(event.seconds?.toFixed(1), event.for));
  end();
  const stream = client.chatStream(messages);
  for await (const text of stream.textStream) console.log(text.toUpperCase());
  return pool.inFlight + estimateTokens(await stream.text()) + (await stream.usage()).total_tokens;
}

// What must not compile.
// @ts-expect-error: durations are numbers
void client.chat([], { timeout: "20s" });
// @ts-expect-error: there is no such setting
new OpenAICompatible({ model: "gpt-4", apiKeys: [], maxRetry: 1 });
// @ts-expect-error: streams are made by clients
new ChatStream();
// @ts-expect-error: an answer's fields are known
void (async () => (await client.chat([])).choice)();

// Several behind one, ours and one's own.
const behindOne: LLMInterface = new Fallback([llm, providers["openai"]!["gpt-4"]!, new Mine()], { timeout: 60, onInterrupt: "restart" });
for await (const chunk of behindOne.chatStream([{ role: "user", content: "Hello" }], { onInterrupt: "fail" })) {
  if (chunk.restart) console.log(chunk.restart.target, chunk.restart.reason);
}
export const answeredBy: string | undefined = (await behindOne.chat([{ role: "user", content: "Hello" }])).answeredBy?.provider;
