// What happens to calls, in words.

import { seconds } from "../dom.js";

const WAITS = {
  token: "waits for a bucket token",
  budget: "waits for LLM tokens of its budget",
  concurrency: "waits for room among the requests under way",
  key: "waits for a key that is ready",
  retry: "waits before it tries again",
};
const OUTCOMES = { succeeded: "answered", failed: "failed", cancelled: "stopped" };

const about = (time) => (time === undefined ? "" : `, about ${seconds(time)}`);

/** Events by name: how each reads. */
export const WORDS = {
  wait: (event) => WAITS[event.for] + about(event.seconds),
  attempt: ({ keyLabel, model }) => `sent with ${keyLabel || "no key"} to ${model}`,
  headers: ({ keyLabel, status, seconds: after }) => `${keyLabel}: status ${status} after ${seconds(after)}`,
  firstToken: ({ keyLabel, seconds: after }) => `${keyLabel}: first token after ${seconds(after)}`,
  failure: ({ keyLabel, kind, status, message, retryAfter }) => {
    const rest = retryAfter === undefined ? "" : `; asks to wait ${seconds(retryAfter)}`;
    return `${keyLabel}: ${kind}${status ? ` (${status})` : ""}, “${message}”${rest}`;
  },
  end: ({ outcome, keyLabel }) => OUTCOMES[outcome] + (outcome === "succeeded" && keyLabel ? ` by ${keyLabel}` : ""),
};
