// The script: once with a first model that fails, once with nobody who answers.

import { keys, pointAt, printed } from "../parts/processes.mjs";

export async function test({ folder, baseUrl }) {
  const run = async (models) => {
    pointAt(folder, baseUrl, models);
    return printed([process.execPath, "fallback.mjs"], folder, keys);
  };
  const second = await run({ "openai/gpt-4": { model: "fault-503" } });
  const nobody = await run({ "openai/gpt-4": { model: "fault-503" }, "deepseek/v3": { model: "fault-500", max_retries: 0 } });
  return [
    { name: "the next in the file answers", problem: /^deepseek\/v3: .{20,}/.test(second) ? "" : second },
    { name: "the object of one's own is the last", problem: /^us\/apology: Nobody .*\nNobody .*\n/.test(nobody) ? "" : nobody },
    { name: "it tells how its targets are", problem: /openai\/gpt-4: (closed|open), us\/apology: closed/.test(nobody) ? "" : nobody },
  ];
}
