// Node, Deno and Bun, by import and by require. They have base64 built in: it is bytes in a tenth of the time, and
// there nobody waits for what a quarter more of text takes to come.
import { Buffer } from "node:buffer";
import { base64 } from "lockkeeper-binary";
import { host, start } from "./api.js";

start(Buffer.from(base64, "base64"));
host({ readText: async (path) => (await import("node:fs/promises")).readFile(path, "utf8") }); // few need it
export * from "./parts/public.js";
