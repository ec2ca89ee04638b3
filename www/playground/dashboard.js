// The dashboard: looks at the client's bucket, keys and counts ten times a second.

import { byId, count, make, setText } from "../dom.js";
import { keys } from "./keys.js";

const TOTALS = [
  ["calls", "calls"],
  ["succeeded", "answered"],
  ["failed", "failed"],
  ["cancelled", "stopped"],
  ["attempts", "attempts"],
  ["waits", "waits"],
  ["inputTokens", "LLM tokens in"],
  ["outputTokens", "LLM tokens out"],
];
const MOST_DOTS = 60;
const MOST_MARKS = 24;

export function dashboard(session) {
  const lanes = session.add(keys());
  const figures = TOTALS.map(([name, words]) => {
    const figure = make("dd", "", "0");
    figure.id = `total-${name}`;
    byId("totals").append(make("div", "", make("dt", "", words), figure));
    return [name, figure];
  });

  function look() {
    const stats = session.llm.stats();
    showBucket(stats.bucket);
    lanes.show(stats.keys);
    for (const [name, figure] of figures) setText(figure, stats[name].toLocaleString("en"));
  }

  setInterval(() => session.llm && !document.hidden && look(), 100);
  return { connect: look };
}

function showBucket({ tokens, capacity, refillRate, waiters }) {
  const chamber = byId("chamber");
  // Rounded down: what is not whole yet lets nothing through.
  const whole = Math.floor(Math.max(0, tokens) + 1e-9);
  byId("water").style.height = `${(100 * Math.max(0, tokens)) / capacity}%`;
  chamber.style.setProperty("--marks", Math.min(capacity, MOST_MARKS));
  chamber.ariaValueNow = whole;
  chamber.ariaValueMax = capacity;
  chamber.ariaValueText = `${whole} of ${capacity}`;
  setText(byId("tokens"), whole);
  setText(byId("capacity"), capacity);
  setText(byId("refill"), refillRate);
  setText(byId("waiters"), waiters === 0 ? "Nobody waits." : `${count(waiters, "call")} waiting`);
  setText(byId("queue"), "●".repeat(Math.min(waiters, MOST_DOTS)) + (waiters > MOST_DOTS ? "…" : ""));
}
