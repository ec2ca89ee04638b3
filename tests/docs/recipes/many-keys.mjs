// The script, with three keys.

import { keys, pointAt, printed } from "../parts/processes.mjs";

export async function test({ folder, baseUrl }) {
  pointAt(folder, baseUrl);
  const text = await printed([process.execPath, "many.mjs"], folder, keys);
  const requests = [...text.matchAll(/(\d+) requests/g)].map((match) => Number(match[1]));
  return [
    { name: "all are answered", problem: text.startsWith("24 of 24 answered") ? "" : text },
    { name: "by all keys alike", problem: requests.length === 3 && requests.every((count) => count === 8) ? "" : text },
  ];
}
