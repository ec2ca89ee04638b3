// The npm package: everything that users import, and what an entry needs to start it.

import { initSync } from "lockkeeper-core";
import { estimateTokens as estimated } from "./usage.js";

export { TokenBucket } from "./bucket.js";
export { OpenAICompatible } from "./client.js";
export { Fallback } from "./fallback.js";
export * from "./public-errors.js";
export { setLogLevel } from "./log.js";
export { metricsText } from "./metrics.js";
export { APIKeyPool } from "./pool.js";
export { ChatStream } from "./stream.js";
export { host } from "./host.js";

/** A rough estimate of how many LLM tokens a text is. */
export const estimateTokens = (text) => estimated(String(text));

/** Starts the engine from its compiled module, or from its bytes, once; gives back what that exports. */
export const start = (module) => initSync({ module });
