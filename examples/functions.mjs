// Typed functions: the description is the prompt, the types are the contract. Run it where a provider.json is:
//
//   node functions.mjs openai/gpt-4

import { OpenAICompatible } from "lockkeeper";
import { llmChat, llmFunction, LLMFunctionError, tool } from "lockkeeper/functions";

const [model = "openai/gpt-4"] = process.argv.slice(2);
const [provider, name] = model.split(/\/(.*)/s);

const providers = await OpenAICompatible.loadFromJsonFile("provider.json");
const llm = providers[provider][name];

// Plain JSON Schema; a schema of zod, valibot or arktype does as well.
const review = llmFunction({
  llm,
  description: "Read the review of {product}. Say how content its writer is, and what to mend.",
  parameters: {
    type: "object",
    properties: { product: { type: "string" }, text: { type: "string" } },
    required: ["product", "text"],
  },
  returns: {
    type: "object",
    properties: {
      mood: { enum: ["content", "so-so", "angry"] },
      stars: { type: "integer", minimum: 1, maximum: 5 },
      mend: { type: "array", items: { type: "string" } },
    },
    required: ["mood", "stars", "mend"],
  },
});

const level = tool({
  name: "water_level",
  description: "The level of the water in a lock, in metres.",
  parameters: { type: "object", properties: { lock: { type: "string" } }, required: ["lock"] },
  execute: ({ lock }) => ({ lock, metres: 3.2 }),
});

try {
  const text = "The gates are fine, but the keeper sleeps until nine, and the rope is wet.";
  const stream = review.stream({ product: "Lock 7", text }, { timeout: 120 });
  for await (const partial of stream) console.log(JSON.stringify(partial)); // grows; the last one is whole and checked
  const { value, trace } = await stream.result();
  console.log(`${value.mood}, ${value.stars} of 5, after ${trace.length} ${trace.length === 1 ? "request" : "requests"}\n`);

  const chat = llmChat({ llm, description: "You help the lock keeper. Be brief.", tools: [level] });
  const turn = chat([], "What is the water level in lock 7?", { timeout: 120 });
  for await (const piece of turn) process.stdout.write(piece);
  const history = await turn.history;
  console.log(`\n\n${history.map(({ role }) => role).join(", ")}`);
} catch (error) {
  if (!(error instanceof LLMFunctionError)) throw error;
  console.error(`${error.kind}: ${error.message}`);
  for (const { strategy, errors } of error.trace) console.error(`  asked by ${strategy}: ${errors.map(({ path, message }) => `${path} ${message}`).join("; ")}`);
  process.exitCode = 1;
}
