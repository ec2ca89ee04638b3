// Node, Deno and Bun, by import and by require.
import { readFile } from "node:fs/promises";
import { host, start } from "./api.js";
import { binary } from "./inlined.js";

start(binary());
host({ readText: (path) => readFile(path, "utf8") });
export * from "./parts/public.js";
