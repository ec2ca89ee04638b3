// The burst: twelve calls at once, each with a cell that says how it is doing.

import { announce, byId, make, setText } from "./dom.js";

const CALLS = 12;
const TOPICS = ["locks", "weirs", "sluices", "barges", "towpaths", "aqueducts"];
const STATES = ["waiting", "answering", "answered", "failed"];

/** `current` gives the client and the model of the moment. */
export function burst(current) {
  const button = byId("burst-button");
  const cells = Array.from({ length: CALLS }, () => make("li", "cell", make("span", "visually-hidden", "idle")));
  byId("burst").append(...cells);
  const running = new Set();

  async function call(cell, number) {
    const { llm, model } = current();
    const question = `Tell me about ${TOPICS[number % TOPICS.length]}, part ${number + 1}.`;
    const stream = llm.chatStream([{ role: "user", content: question }], { model, max_tokens: 40 });
    running.add(stream);
    set(cell, "waiting");
    try {
      for await (const _ of stream) if (cell.dataset.state === "waiting") set(cell, "answering", stream.keyLabel);
      set(cell, "answered", stream.keyLabel);
    } catch (error) {
      set(cell, "failed", error.keyLabel);
    } finally {
      running.delete(stream);
    }
  }

  function set(cell, state, key = "") {
    cell.dataset.state = state;
    cell.replaceChildren(make("span", "key", key.replace("…", "")), make("span", "visually-hidden", state));
    const known = STATES.map((state) => [cells.filter((cell) => cell.dataset.state === state).length, state]);
    setText(byId("burst-summary"), known.filter(([number]) => number > 0).map((pair) => pair.join(" ")).join(", "));
  }

  button.addEventListener("click", async () => {
    if (running.size > 0) return;
    // Not `disabled`, which would take the focus away.
    button.setAttribute("aria-disabled", "true");
    await Promise.all(cells.map(call));
    button.removeAttribute("aria-disabled");
    announce(`Burst: ${byId("burst-summary").textContent}.`);
  });

  return {
    connect() {
      for (const stream of running) stream.abort();
    },
  };
}
