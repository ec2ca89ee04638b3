// The program, whose second and third question wait for the bucket.

import { keys, pointAt, printed } from "../parts/processes.mjs";

export async function test({ folder, baseUrl, binaries }) {
  pointAt(folder, baseUrl);
  const text = await printed([binaries("own-runtime")], folder, keys);
  const lines = text.trim().split("\n");
  return [
    { name: "all are answered", problem: lines.length === 4 ? "" : text },
    { name: "two of them wait by its timers", problem: lines.at(-1) === "2 waits for the bucket" ? "" : text },
  ];
}
