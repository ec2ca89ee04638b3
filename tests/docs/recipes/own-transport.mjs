// The program over ureq: an answer, and one that comes at the second try.

import { keys, pointAt, printed } from "../parts/processes.mjs";

export async function test({ folder, baseUrl, binaries }) {
  const run = async (model) => {
    pointAt(folder, baseUrl, { "openai/gpt-4": { model } });
    return printed([binaries("own-transport")], folder, keys);
  };
  const [answer, again] = [await run("any"), await run("fault-once-503")];
  return [
    { name: "streams an answer", problem: answer.trim().length > 20 ? "" : answer },
    { name: "a 503 is an answer, after which the library tries again", problem: again.trim().length > 20 ? "" : again },
  ];
}
