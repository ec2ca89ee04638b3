// The proxy under Deno and under Bun, asked by the openai package.

import { OpenAI } from "openai";
import { installed } from "../../package/parts/installed.mjs";
import { freePort, settings, started } from "../parts/processes.mjs";

const messages = [{ role: "user", content: "Name three canals." }];

export async function test({ folder, baseUrl }) {
  const ending = process.platform === "win32" ? ".exe" : "";
  const runtimes = {
    Deno: [installed("@deno", `deno${ending}`), "serve", "--no-prompt", "--node-modules-dir=manual", "--allow-net", "--allow-env"],
    Bun: [installed("@oven", `bin/bun${ending}`), "run"],
  };
  const env = { ...settings(baseUrl, "any"), PROXY_TOKEN: "a-token" };
  const results = [];
  for (const [name, command] of Object.entries(runtimes)) {
    const port = String(await freePort());
    const server = await started([...command, "--port", port, "proxy.js"], folder, env);
    try {
      results.push(...(await checks(`http://127.0.0.1:${port}/v1`)).map((check) => ({ ...check, name: `in ${name}, ${check.name}` })));
    } finally {
      server.stop();
    }
  }
  return results;
}

async function checks(baseURL) {
  const openai = new OpenAI({ baseURL, apiKey: "a-token", maxRetries: 0 });
  const whole = await openai.chat.completions.create({ model: "any", messages });
  let streamed = "";
  for await (const chunk of await openai.chat.completions.create({ model: "any", messages, stream: true })) streamed += chunk.choices[0]?.delta.content ?? "";
  const stranger = await new OpenAI({ baseURL, apiKey: "another", maxRetries: 0 }).chat.completions.create({ model: "any", messages }).catch((error) => error);
  const outside = await fetch(new URL("/elsewhere", baseURL), { headers: { authorization: "Bearer a-token" } });
  return [
    { name: "passes a whole answer on", problem: whole.choices[0].message.content ? "" : JSON.stringify(whole) },
    { name: "passes a stream on", problem: streamed.length > 20 ? "" : streamed },
    { name: "refuses strangers", problem: stranger.status === 401 ? "" : String(stranger) },
    { name: "has nothing beside the API", problem: outside.status === 404 ? "" : `status ${outside.status}` },
  ];
}
