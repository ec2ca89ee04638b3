// A Node, Deno or Bun script: streams an answer to the terminal. Run it where a provider.json is:
//
//   node node.mjs openai/gpt-4 "Why is the sky blue?"

import { LLMError, OpenAICompatible } from "lockkeeper";

const [model = "openai/gpt-4", prompt = "Name three canals."] = process.argv.slice(2);
const [provider, name] = model.split(/\/(.*)/s);

const providers = await OpenAICompatible.loadFromJsonFile("provider.json");
const llm = providers[provider][name];

try {
  const stream = llm.chatStream([{ role: "user", content: prompt }], { timeout: 120 });
  for await (const text of stream.textStream) process.stdout.write(text);
  const { total_tokens, estimated } = await stream.usage();
  console.log(`\n\n${total_tokens} LLM tokens${estimated ? " (estimated)" : ""}, by key ${stream.keyLabel}`);
} catch (error) {
  if (!(error instanceof LLMError)) throw error;
  console.error(`${error.kind}: ${error.message}`);
  if (error.retryAt) console.error(`try again at ${error.retryAt.toLocaleTimeString()}`);
  process.exitCode = 1;
}
