// The event log: what happens to the calls, in words, newest last.

import { byId, follow, make, seconds } from "./dom.js";

const MOST_LINES = 300;
const WAITS = { token: "waits for a bucket token", key: "waits for a key", retry: "waits before it tries again" };
const OUTCOMES = { succeeded: "answered", failed: "failed", cancelled: "stopped" };

const about = (time) => (time === undefined ? "" : `, about ${seconds(time)}`);

/** Events by name: how each reads. */
const WORDS = {
  wait: (event) => WAITS[event.for] + about(event.seconds),
  attempt: ({ keyLabel, model }) => `sent with ${keyLabel} to ${model}`,
  headers: ({ keyLabel, status, seconds: after }) => `${keyLabel}: status ${status} after ${seconds(after)}`,
  firstToken: ({ keyLabel, seconds: after }) => `${keyLabel}: first token after ${seconds(after)}`,
  failure: ({ keyLabel, kind, status, message, retryAfter }) => {
    const rest = retryAfter === undefined ? "" : `; asks to wait ${seconds(retryAfter)}`;
    return `${keyLabel}: ${kind}${status ? ` (${status})` : ""}, “${message}”${rest}`;
  },
  end: ({ outcome, keyLabel }) => OUTCOMES[outcome] + (outcome === "succeeded" ? ` by ${keyLabel}` : ""),
};

export function log() {
  const list = byId("log");
  const begun = performance.now();
  let endings = []; // ends the listening to the client before

  function add(name, event) {
    const time = ((performance.now() - begun) / 1000).toFixed(2);
    const line = make("li", "", make("time", "", time), make("b", "", `#${event.call}`), make("span", "", WORDS[name](event)));
    line.dataset.event = name;
    if (event.outcome) line.dataset.outcome = event.outcome;
    follow(list, () => {
      list.append(line);
      while (list.children.length > MOST_LINES) list.firstChild.remove();
    });
  }

  byId("clear-log").addEventListener("click", () => list.replaceChildren());

  return {
    connect(llm) {
      for (const end of endings) end();
      endings = Object.keys(WORDS).map((name) => llm.on(name, (event) => add(name, event)));
    },
  };
}
