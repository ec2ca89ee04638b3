// Bursts: many calls at once, through pool and bucket. How they do is for the timeline to show.

import { announce, byId, count, setText } from "../dom.js";

const TOPICS = ["locks", "weirs", "sluices", "barges", "towpaths", "aqueducts"];
const STATES = [["waiting", "waiting"], ["sent", "sent"], ["answering", "streaming"], ["answered", "answered"], ["failed", "failed"], ["stopped", "stopped"]];
const EVERY = 200; // milliseconds

export function burst(session, connectFirst) {
  const buttons = byId("bursts");
  let running = []; // the calls of the last burst

  async function read({ stream }) {
    try {
      for await (const _ of stream);
    } catch {
      // How it ended stands among the requests.
    }
  }

  function ask(number) {
    const question = `Tell me about ${TOPICS[number % TOPICS.length]}, part ${number + 1}.`;
    return session.ask([{ role: "user", content: question }], { max_tokens: 24 });
  }

  function show() {
    const states = running.map((call) => call.request()?.state ?? "waiting");
    const counts = STATES.map(([state, words]) => [states.filter((one) => one === state).length, words]);
    setText(byId("burst-summary"), counts.filter(([number]) => number > 0).map((pair) => pair.join(" ")).join(", "));
  }

  async function begin(number) {
    if (!session.llm) return connectFirst();
    if (!byId("stop-burst").hidden) return;
    byId("stop-burst").hidden = false;
    const calls = (running = Array.from({ length: number }, (_, i) => ask(i)));
    const timer = setInterval(show, EVERY);
    show();
    await Promise.all(calls.map(read));
    clearInterval(timer);
    show();
    if (document.activeElement === byId("stop-burst")) buttons.querySelector("button").focus();
    byId("stop-burst").hidden = true;
    announce(`${count(number, "request")}: ${byId("burst-summary").textContent}.`);
  }

  const end = () => {
    for (const { stream } of running) stream.abort();
  };
  buttons.addEventListener("click", ({ target }) => target.dataset.count && begin(Number(target.dataset.count)));
  byId("stop-burst").addEventListener("click", end);

  return { connect: end };
}
