/**
 * `lockkeeper` without its binary: call {@link init} with that of `lockkeeper/wasm` before all else.
 *
 * @packageDocumentation
 */

export * from "./index.js";

/** Starts the library with its binary, compiled or as bytes. Once is enough; later calls change nothing. */
export function init(binary: WebAssembly.Module | ArrayBuffer | Uint8Array): void;
