// Serves the page, beside an embedded provider that is started for it, until Ctrl-C.

import { interruption, main, run } from "./run.mjs";
import { serve } from "./serve.mjs";

const KEYS = ["sk-demo-key-lily", "sk-demo-key-reed", "sk-demo-key-moss"];
// A burst of twelve runs into the client's own limit; five hundred are through in less than a minute.
const PROVIDER_LIMITS = ["--capacity", "12", "--refill-rate", "8", "--latency-ms", "150", "--token-pace-ms", "10"];
const CLIENT_LIMITS = { rateLimitCapacity: 10, rateLimitRefillRate: 10 };
// So short that the faults on offer show what they do while somebody looks.
const PATIENCE = { maxRetries: 3, headersTimeout: 2, firstTokenTimeout: 8, idleTimeout: 3 };

const provider = ["cargo", "run", "--quiet", "--locked", "-p", "mock-provider", "--"];
const options = ["--port", "0", "--keys", KEYS.join(), ...PROVIDER_LIMITS];

main(async () => {
  let page;
  const onLine = (baseUrl) => {
    // Its address is the one thing that it says.
    page = serve({ baseUrl, model: "mock-model", apiKeys: KEYS, ...CLIENT_LIMITS, ...PATIENCE });
    page.then(
      ({ url }) => console.log(`${url}\n\nThe page is up, with a provider of its own. Ctrl-C ends both.`),
      (error) => {
        console.error(`The page cannot be served: ${error.message}`);
        process.exit(1); // takes the provider along
      },
    );
  };
  const exitCode = await run([...provider, ...options], { onLine, quiet: true });
  if (page) close(await page);
  // Ctrl-C is how this ends, even where it meets a provider that is not ready for it yet.
  return interruption() === 130 ? 0 : exitCode;
});

function close({ server }) {
  server.close();
  server.closeAllConnections();
}
