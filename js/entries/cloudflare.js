// A shared state in a Durable Object: nothing of the engine.
export { durableObjectState, LockkeeperState } from "../cloudflare/index.js";
