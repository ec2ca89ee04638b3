// Vercel's edge functions: as workerd, with a mark on the import.
import binary from "./lockkeeper.wasm?module";
import { host, start } from "./api.js";

// It may come from another realm, where the glue would not know it.
start(Object.setPrototypeOf(binary, WebAssembly.Module.prototype));
host({ isolates: true });
export * from "./parts/public.js";
