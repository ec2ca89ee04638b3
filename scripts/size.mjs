// What the npm package weighs on its way to users: minified, after Brotli at its best.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { Baseline } from "./baseline.mjs";
import { Failure, root } from "./run.mjs";

const GOAL = 60_000; // bytes
// What has been reached so far, and a little: it goes up only with something new that users asked for (the
// fallback was 6 KB; what processes share 11, limits that are learned 6, priorities, caps and budgets 7, what can be
// watched and taken along 8, keys that share an account 4), and down with every step towards the goal.
const LIMIT = 134_500;
// Typed functions have a file of their own, which is no part of the total: few need it.
const LIMIT_OF_FUNCTIONS = 14_000;
// Nor is the simulator, which has an engine of its own.
const LIMIT_OF_SIMULATE = 155_000;

// The compiler and all tools are pinned, so that what differs was changed by somebody.
const baseline = new Baseline({
  file: "scripts/size.json",
  tolerance: 0.02,
  show: (bytes) => `${(bytes / 1000).toFixed(1)} KB`,
});

const SETTINGS = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } };

const size = (name) => brotliCompressSync(readFileSync(join(root, "dist", name)), SETTINGS).length;
const sizes = (...names) => names.map(size).reduce((a, b) => a + b);

function weigh() {
  const [binary, api] = [size("lockkeeper.wasm"), sizes("api.js", "slim.js")];
  return {
    "lockkeeper.wasm": binary,
    "api.js and an entry": api,
    total: binary + api,
    "the same for browsers, binary as text": sizes("api.js", "browser.js"),
    "functions.js": size("functions.js"),
    "simulate.js": size("simulate.js"),
  };
}

/** Prints the sizes; too large a package is a failure, and so is one that is not as recorded. */
export function checkSize() {
  const found = weigh();
  baseline.compare(found);
  console.log(`limit: ${LIMIT / 1000}, goal: ${GOAL / 1000} KB`);
  if (found.total > LIMIT) throw new Failure(`the package is ${found.total - LIMIT} bytes too large`);
  for (const [name, limit] of [["functions.js", LIMIT_OF_FUNCTIONS], ["simulate.js", LIMIT_OF_SIMULATE]]) {
    const over = found[name] - limit;
    if (over > 0) throw new Failure(`${name} is ${over} bytes too large`);
  }
}

/** Records the sizes of what is built. */
export const recordSize = () => baseline.record(weigh());
