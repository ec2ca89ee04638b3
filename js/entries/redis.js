// A shared state in Redis: nothing of the engine.
export { ioredis, nodeRedis, redisState, upstash } from "../redis/index.js";
