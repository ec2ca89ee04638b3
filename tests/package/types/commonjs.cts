// The types as a CommonJS module sees them.

import lockkeeper = require("lockkeeper");

const llm = new lockkeeper.OpenAICompatible({ model: "gpt-4", apiKeys: "sk-…", providerId: "openai" });
export const text: Promise<string> = llm.chatStream([{ role: "user", content: "Hello" }]).text();

import functions = require("lockkeeper/functions");

export const joke: Promise<string> = functions.llmFunction({ llm, description: "Tell a joke." })();
