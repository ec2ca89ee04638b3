// Browsers, their workers, and all that has no entry of its own.
import { start } from "./api.js";
import { binary } from "./parts/inlined.js";

start(binary());
export * from "./parts/public.js";
