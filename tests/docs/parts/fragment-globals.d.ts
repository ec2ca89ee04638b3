// What the fragments of code in the pages take for granted, as their text says it.

import type { ChatMessages, LLMInterface, OpenAICompatible as Client, Providers } from "lockkeeper";
import type * as Library from "lockkeeper";

declare global {
  const OpenAICompatible: typeof Library.OpenAICompatible;
  const Fallback: typeof Library.Fallback;
  const OpenAI: typeof import("openai").default;
  const createOpenAICompatible: typeof import("@ai-sdk/openai-compatible").createOpenAICompatible;
  const Redis: typeof import("ioredis").Redis;
  const createClient: typeof import("redis").createClient;
  const client: import("ioredis").Redis;
  const llm: Client;
  const providers: Providers;
  const messages: ChatMessages & { role: "user"; content: string }[];
  const anObjectOfYourOwn: LLMInterface;
  const request: Request;
  const apiKeys: string[];
  const url: string;
  const token: string;
  const text: string;
  /** Shows a value. */
  function render(value: unknown): void;
}
