// The component in a page, before a server that answers as the routes do.

import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { withPage } from "../../package/parts/chromium.mjs";
import { write } from "../../package/parts/project.mjs";
import { problemOfLeaving, slowly } from "../parts/provider-log.mjs";

const MAIN = `import { createRoot } from "react-dom/client";
import { Chat } from "./Chat";
createRoot(document.body).render(<Chat url="/api/chat" />);
`;

export async function test({ folder, project, baseUrl }) {
  const main = write(project, "recipes/react/main.tsx", MAIN);
  const outfile = join(folder, "main.js");
  await build({ entryPoints: [main], outfile, bundle: true, format: "esm", jsx: "automatic", define: { "process.env.NODE_ENV": '"production"' }, logLevel: "warning" });
  const { OpenAICompatible } = await import(pathToFileURL(project.path("node_modules/lockkeeper/dist/node.js")));
  const client = (model) => new OpenAICompatible({ apiKeys: ["sk-react-000001"], baseUrl, model, providerId: `react-${model}`, rateLimitCapacity: 100 });
  const answers = [`react-${process.pid}`, `react-stop-${process.pid}`, "fault-cut-2"].map(client);
  const server = await serve(readFileSync(outfile), answers);
  try {
    return await withPage(server.url, (page) => checks(page, baseUrl));
  } finally {
    server.stop();
  }
}

/** The page, and at /api/chat each client in turn. */
async function serve(script, clients) {
  const server = createServer(async (request, response) => {
    if (request.url === "/main.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    if (request.method !== "POST") return response.writeHead(200, { "content-type": "text/html" }).end('<!doctype html><link rel="icon" href="data:,"><title>chat</title><body><script type="module" src="/main.js"></script>');
    let body = "";
    for await (const piece of request) body += piece;
    const controller = new AbortController();
    response.on("close", () => controller.abort());
    const stream = clients.shift().chatStream(JSON.parse(body).messages, { signal: controller.signal, maxRetries: 0 }).toReadableStream();
    response.writeHead(200, { "content-type": "text/event-stream" });
    for await (const piece of stream) response.write(piece);
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => (server.closeAllConnections(), server.close()) };
}

async function checks(page, baseUrl) {
  const say = async (text) => {
    await page.getByLabel("Your message").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  };
  const answers = page.locator('li[data-role="assistant"]');
  await say("Name three canals.");
  await answers.first().waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  const whole = await answers.first().textContent();
  const unheard = await slowly(baseUrl, async () => {
    await say("And a long story.");
    await answers.nth(1).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    return problemOfLeaving(baseUrl, `react-stop-${process.pid}`);
  });
  await page.getByRole("button", { name: "Send" }).waitFor();
  const [stopped, alerts] = [await answers.nth(1).textContent(), await page.getByRole("alert").count()];
  await say("And what is cut.");
  await page.getByRole("alert").waitFor();
  return [
    { name: "shows an answer", problem: whole.length > 20 ? "" : whole },
    { name: "keeps what had come when it is stopped", problem: stopped && !alerts ? "" : `${stopped}, ${alerts} alerts` },
    { name: "and the provider is told", problem: unheard },
    { name: "says that an answer was cut", problem: (await answers.nth(2).textContent()) ? "" : "what had come is gone" },
  ];
}
