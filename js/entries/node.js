// Node, Deno and Bun, by import and by require.
import { host, start } from "./api.js";
import { binary } from "./inlined-node.js";

start(binary());
host({ readText: async (path) => (await import("node:fs/promises")).readFile(path, "utf8") }); // few need it
export * from "./parts/public.js";
