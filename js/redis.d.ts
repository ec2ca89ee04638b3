/**
 * A state that processes share, in Redis 5 or later, or Valkey.
 *
 * @packageDocumentation
 */

import type { SharedState } from "./index.js";

/** Runs a Lua script in Redis, as `EVAL` does, and resolves to the string that it returns. */
export interface RedisScripts {
  eval(script: string, keys: string[], args: string[]): Promise<unknown>;
}

/** The shared state in Redis, by one of the clients below or by a function of your own. */
export function redisState(client: RedisScripts): SharedState;

/** A client of the `ioredis` package: a `Redis` or a `Cluster`. */
export function ioredis(client: {
  evalsha(digest: string, keys: number, ...parts: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...parts: string[]): Promise<unknown>;
}): RedisScripts;

/** A client of the `redis` package (node-redis), connected, or its cluster. */
export function nodeRedis(client: {
  evalSha(digest: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}): RedisScripts;

/** Upstash's REST interface, which needs no socket: for edge workers. */
export function upstash(options: {
  /** The database's REST URL. */
  url: string;
  /** Its token. */
  token: string;
  /** Sends the requests. Default: the global `fetch`. */
  fetch?: (input: string, init: RequestInit) => Promise<Response>;
}): RedisScripts;
