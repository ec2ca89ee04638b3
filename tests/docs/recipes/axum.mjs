// The service, asked over HTTP.

import { endpointChecks } from "../parts/endpoint.mjs";
import { keys, pointAt, started } from "../parts/processes.mjs";

const headers = { "content-type": "application/json" };

export async function test({ folder, baseUrl, binaries }) {
  const model = `axum-${process.pid}`;
  pointAt(folder, baseUrl, { "openai/gpt-4": { model } });
  const server = await started([binaries("axum-service")], folder, { ...keys, ADDRESS: "127.0.0.1:0" });
  const body = JSON.stringify({ messages: [{ role: "user", content: "Name three canals." }] });
  try {
    const checks = await endpointChecks((init) => fetch(`${server.url}/chat`, { headers, ...init }), baseUrl, model);
    const answer = await (await fetch(`${server.url}/answer`, { method: "POST", headers, body })).text();
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    return [
      ...checks,
      { name: "gives an answer in one piece", problem: answer.length > 20 && !answer.includes("error") ? "" : answer },
      { name: "tells its metrics", problem: /lockkeeper_calls_total\{.*outcome="succeeded"\} 2\n.*\n.*outcome="cancelled"\} 1\n/.test(metrics) ? "" : metrics },
      { name: "says errors as HTTP does", problem: await refusal({ folder, baseUrl, binaries, body }) },
    ];
  } finally {
    server.stop();
  }
}

async function refusal({ folder, baseUrl, binaries, body }) {
  pointAt(folder, baseUrl, { "openai/gpt-4": { model: "fault-429", timeout: 0.5 } });
  const server = await started([binaries("axum-service")], folder, { ...keys, ADDRESS: "127.0.0.1:0" });
  try {
    const response = await fetch(`${server.url}/answer`, { method: "POST", headers, body });
    const { error } = await response.json();
    const right = response.status === 503 && Number(response.headers.get("retry-after")) >= 1 && error.type === "rate_limited";
    return right ? "" : `${response.status} ${JSON.stringify(error)}`;
  } finally {
    server.stop();
  }
}
