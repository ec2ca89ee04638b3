// `node start.mjs <contender>`: says how many milliseconds it takes from import to a client that could ask.

import { contenders } from "./contenders.mjs";

const begun = performance.now();
await contenders[process.argv[2]]("http://127.0.0.1:9").then(({ ready }) => ready?.());
console.log(performance.now() - begun);
process.exit();
