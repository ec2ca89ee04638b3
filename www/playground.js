// Puts the playground together: one client at a time, and the parts that show what it does.

import { OpenAICompatible } from "lockkeeper";
import "./engine.js";
import { burst } from "./burst.js";
import { chat } from "./chat.js";
import { dashboard } from "./dashboard.js";
import { announce, byId } from "./dom.js";
import { log } from "./log.js";
import { models } from "./models.js";
import { settings } from "./settings.js";

export async function playground() {
  let llm;
  const picker = models();
  const current = () => ({ llm, model: picker.value });
  const parts = [dashboard(), log(), chat(current), burst(current)];

  /** Makes a client of the options, and shows it in place of the one before. */
  function connect(options, isEmbedded) {
    const next = new OpenAICompatible(options);
    // The pool of an earlier client to the same address is the same one: it gets these keys, all well.
    if (options.apiKeys.length > 0) next.keyPool.reload(options.apiKeys);
    for (const key of options.apiKeys) next.keyPool.addKey(key);
    llm = next;
    picker.show(options.model, isEmbedded);
    for (const part of parts) part.connect(llm, options);
    const { host } = new URL(options.baseUrl);
    byId("connection").textContent = isEmbedded ? "Embedded provider" : host;
    announce(`Connected to ${isEmbedded ? "the embedded provider" : host}.`);
  }

  settings(connect, await embeddedProvider()).begin();
}

/** What the server says of the provider that it started; nothing where the page is served by itself. */
async function embeddedProvider() {
  const response = await fetch("config.json");
  return response.ok ? response.json() : undefined;
}
