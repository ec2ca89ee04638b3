// `npm run record` records anew what `npm test` compares: allocations, instructions, what the npm package weighs, the
// public API.
// `npm run record -- instructions` records these only.

import { recordApi } from "./api.mjs";
import { build } from "./build.mjs";
import { recordInstructions } from "./instructions.mjs";
import { Failure, main, run } from "./run.mjs";
import { recordSize } from "./size.mjs";

const RECORDED = {
  allocations: () => run(["cargo", "test", "--locked", "-p", "lockkeeper", "--test", "allocations"], { env: { UPDATE_ALLOCATIONS: "1" } }),
  instructions: recordInstructions,
  sizes: async () => {
    await build();
    recordSize();
  },
  api: recordApi,
};

main(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !(name in RECORDED));
  if (unknown) throw new Failure(`unknown: ${unknown}; there are ${Object.keys(RECORDED).join(", ")}`, 2);
  for (const name of chosen.length ? chosen : Object.keys(RECORDED)) {
    const code = await RECORDED[name]();
    if (code) return code;
  }
});
