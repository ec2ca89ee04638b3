// Cloudflare's workers: they compile a binary when they are deployed, and none later.
import binary from "./lockkeeper.wasm";
import { host, start } from "./api.js";

start(binary);
host({ isolates: true });
export * from "./parts/public.js";
