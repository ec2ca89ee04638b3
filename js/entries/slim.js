// Nothing is started: the user brings the binary.
export { start as init } from "./api.js";
export * from "./parts/public.js";
