// One of the processes that share their limits in processes.test.mjs, in Node: it says that it is ready, and works
// when it is told to. native/main.rs is the same in Rust.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import { OpenAICompatible } from "lockkeeper";
import { ioredis, redisState } from "lockkeeper/redis";

const plan = JSON.parse(process.argv[2]);
const [url, ...others] = plan.redis;
const redis = others.length > 0 ? new Cluster(plan.redis) : new Redis(url);
const llm = new OpenAICompatible({
  apiKeys: plan.keys,
  providerId: "shared",
  baseUrl: plan.baseUrl,
  model: plan.model,
  rateLimitCapacity: plan.capacity,
  rateLimitRefillRate: plan.refillRate,
  sharedState: { ...redisState(ioredis(redis)), onFailure: plan.onFailure, leaseTtl: plan.leaseTtl, timeout: plan.timeout },
});

/** Makes one call after the other while there are any left, and tells how each went. */
async function caller() {
  while (plan.calls-- > 0) {
    try {
      await llm.chat([{ role: "user", content: plan.name }]);
      console.log("ok");
    } catch (error) {
      console.log(error.kind ?? error);
      await sleep(100);
    }
  }
}

console.log("ready");
await once(process.stdin, "data");
await Promise.all(Array.from({ length: plan.callers }, caller));
console.log("done");
process.stdin.destroy();
await sleep(100); // what is given back is on its way
redis.disconnect();
