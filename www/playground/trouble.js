// Trouble on demand: the embedded provider misbehaves at the next request, and a question shows what comes of it.

import { announce, byId, make, setText } from "../dom.js";

const QUESTION = "Tell me about patience.";
/** How long the client asks nothing of a key, where all of them are limited. */
const EVERYWHERE = { kind: "limited", wait_ms: 2000 };

/** What there is: a name, what it is in a few words, and what the provider is told, for the key that comes next. */
const FAULTS = [
  ["429", "one key limited", () => ({ faults: ["429"] })],
  ["429, all", "every key limited", (_, keys) => ({ faults: keys.map(() => EVERYWHERE) })],
  ["503", "overloaded once", () => ({ faults: ["503"] })],
  ["Silence", "no answer once", () => ({ faults: ["silence"] })],
  ["Slow start", "late first token", () => ({ faults: ["slow-first-token-1800"] })],
  ["Cut", "ends mid-answer", () => ({ faults: ["cut-24"] })],
  ["Dead key", "401 until mended", (key) => ({ faults: ["401"], key, for_ever: true })],
  ["No credit", "quota is used up", (key) => ({ faults: ["quota"], key, for_ever: true })],
];

/** `ask` asks a question in the chat; `embedded` are the options for the embedded provider, if there is one. */
export function trouble(session, ask, embedded) {
  const panel = byId("trouble");
  const buttons = FAULTS.map(([name, meaning, script]) => {
    const button = make("button", "", make("strong", "", name), make("span", "", meaning));
    button.type = "button";
    button.addEventListener("click", () => strike(name, meaning, script));
    return make("li", "", button);
  });
  byId("faults").append(...buttons);

  async function control(method, body) {
    const response = await fetch(new URL("/_control/faults", embedded.baseUrl), { method, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`the provider's controls answer ${response.status}`);
  }

  async function strike(name, meaning, script) {
    try {
      await control("POST", script(session.llm.keyPool.getLeastLoadedKey(), embedded.apiKeys));
      setText(byId("trouble-state"), `${name}: ${meaning}.`);
      await ask(QUESTION);
    } catch (error) {
      setText(byId("trouble-state"), error.message);
    }
  }

  async function mend() {
    await control("DELETE").catch((error) => announce(error.message));
    for (const key of embedded.apiKeys) session.llm.keyPool.addKey(key);
    setText(byId("trouble-state"), "All is well again: no faults, and every key is ready.");
    announce(byId("trouble-state").textContent);
  }

  byId("mend").addEventListener("click", mend);

  return {
    connect(llm) {
      panel.hidden = llm.baseUrl !== embedded?.baseUrl;
    },
  };
}
