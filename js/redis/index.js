// A shared state in Redis or Valkey, by whatever client there is.

import script from "../../src/shared_state/redis.lua";

const PARTS = ["state", "ends", "lines", "callers"];

/** All of one place is under one hash tag, so that a cluster keeps it together. */
const keysOf = (place) => PARTS.map((part) => `lockkeeper:{${place}}:${part}`);

/** The state behind `{ eval(script, keys, args) }`. */
export function redisState(client) {
  if (typeof client?.eval !== "function") throw new TypeError("redisState() takes { eval(script, keys, args) }: see ioredis(), nodeRedis() and upstash()");
  return { call: (place, request) => client.eval(script, keysOf(place), [request]) };
}

/** A client of the `ioredis` package: a `Redis` or a `Cluster`. */
export const ioredis = (client) =>
  byDigest(
    (digest, keys, args) => client.evalsha(digest, keys.length, ...keys, ...args),
    (text, keys, args) => client.eval(text, keys.length, ...keys, ...args),
  );

/** A client of the `redis` package (node-redis), connected, or its cluster. */
export const nodeRedis = (client) =>
  byDigest(
    (digest, keys, args) => client.evalSha(digest, { keys, arguments: args }),
    (text, keys, args) => client.eval(text, { keys, arguments: args }),
  );

/** Upstash's REST interface: no socket is needed, so that edge workers have it, too. */
export function upstash({ url, token, fetch }) {
  const command = async (...parts) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await (fetch ?? globalThis.fetch)(url, { method: "POST", headers, body: JSON.stringify(parts) });
    const { result, error } = await response.json().catch(() => ({ error: `HTTP status ${response.status}` }));
    if (error !== undefined) throw new Error(error);
    return result;
  };
  return byDigest(
    (digest, keys, args) => command("EVALSHA", digest, keys.length, ...keys, ...args),
    (text, keys, args) => command("EVAL", text, keys.length, ...keys, ...args),
  );
}

/** Runs a script by its digest; it is sent whole where the server does not know it, or no longer. */
function byDigest(evalsha, evaluate) {
  let known; // the digest of the one script
  return {
    async eval(text, keys, args) {
      known ??= digestOf(text);
      try {
        return await evalsha(await known, keys, args);
      } catch (error) {
        if (!String(error?.message).includes("NOSCRIPT")) throw error;
        return evaluate(text, keys, args);
      }
    },
  };
}

async function digestOf(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
