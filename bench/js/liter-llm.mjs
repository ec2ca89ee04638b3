// liter-llm's wasm package, started: in Node its binary is a file, in a page it is fetched.

import start, * as literLlm from "@xberg-io/liter-llm-wasm";

/** The package, once it can be used. */
export async function ready() {
  if (typeof process === "undefined") await start();
  else {
    const { readFile } = await import("node:fs/promises");
    const binary = new URL(import.meta.resolve("@xberg-io/liter-llm-wasm").replace(/\.js$/, "_bg.wasm"));
    await start({ module_or_path: await readFile(binary) });
  }
  return literLlm;
}
