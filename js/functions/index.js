// Typed LLM functions over any LLMInterface. JavaScript alone: the engine's binary is not needed.

export { llmChat } from "./chat.js";
export { LLMFunctionError } from "./errors.js";
export { llmFunction } from "./function.js";
export { tool } from "./tools.js";
