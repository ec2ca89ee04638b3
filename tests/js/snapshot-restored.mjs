// A process of its own for snapshot.test.mjs: takes up the snapshot in a file, asks, and says what it knew.

import { readFileSync } from "node:fs";
import { client, hello } from "./provider.mjs";

const [file, options] = process.argv.slice(2);
const answer = { choices: [{ message: { content: "Hi!" }, finish_reason: "stop" }] };
const llm = client({ ...JSON.parse(options), fetch: async () => Response.json(answer) });
llm.restore(JSON.parse(readFileSync(file, "utf8")));
const keys = llm.keyPool.statuses();
const { answeredBy } = await llm.chat(hello());
console.log(JSON.stringify({ states: keys.map(({ state }) => state), rests: keys[1].restsFor, used: answeredBy.keyLabel }));
