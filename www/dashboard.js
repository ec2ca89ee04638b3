// The dashboard: looks at the client's pool, bucket and counts ten times a second.

import { byId, count, make, setText } from "./dom.js";

const PARTS = ["succeeded", "flying", "limited", "failed", "cancelled"];
const REST = { ready: "ready", cooling: "cooling", exhausted: "out of credit", dead: "refused" };
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
const MOST_DOTS = 24;

export function dashboard() {
  let llm;
  let keys = []; // the keys of the client, to be revived
  const figures = TOTALS.map(([name, words]) => {
    const figure = make("dd", "", "0");
    figure.id = `total-${name}`;
    byId("totals").append(make("div", "", make("dt", "", words), figure));
    return [name, figure];
  });

  function look() {
    showBucket(llm.tokenBucket);
    showKeys(llm.keyPool.statuses());
    const stats = llm.stats();
    for (const [name, figure] of figures) setText(figure, stats[name].toLocaleString("en"));
  }

  byId("revive").addEventListener("click", () => {
    for (const key of keys) llm.keyPool.addKey(key);
    look();
  });
  setInterval(() => llm && !document.hidden && look(), 100);

  return {
    connect(client, options) {
      llm = client;
      keys = options.apiKeys;
      look();
    },
  };
}

function showBucket({ tokens, capacity, refillRate, waiters }) {
  const chamber = byId("chamber");
  // Rounded down: what is not whole yet lets nothing through.
  const whole = Math.floor(Math.max(0, tokens) + 1e-9);
  byId("water").style.height = `${(100 * Math.max(0, tokens)) / capacity}%`;
  chamber.style.setProperty("--marks", Math.min(capacity, MOST_DOTS));
  chamber.ariaValueNow = whole;
  chamber.ariaValueMax = capacity;
  chamber.ariaValueText = `${whole} of ${capacity}`;
  setText(byId("tokens"), whole);
  setText(byId("capacity"), capacity);
  setText(byId("refill"), refillRate);
  setText(byId("waiters"), waiters === 0 ? "Nobody waits." : `${count(waiters, "call")} waiting`);
  setText(byId("queue"), "●".repeat(Math.min(waiters, MOST_DOTS)));
}

function showKeys(statuses) {
  const list = byId("keys");
  while (list.children.length < statuses.length) list.append(keyRow());
  while (list.children.length > statuses.length) list.lastChild.remove();
  const scale = Math.max(8, ...statuses.map((key) => key.attempts));
  statuses.forEach((key, i) => showKey(list.children[i], key, scale));
  const revive = byId("revive");
  const ill = statuses.some((key) => key.state === "exhausted" || key.state === "dead");
  if (!ill && document.activeElement === revive) byId("burst-button").focus();
  revive.hidden = !ill;
  if (statuses.length === 0 && !list.firstChild) list.append(make("li", "quiet", "No keys: the server asks for none."));
}

function keyRow() {
  const bar = make("div", "bar", ...PARTS.map((part) => make("span", part)));
  bar.ariaHidden = "true"; // the words above it say the same
  const head = make("p", "", make("code"), make("span", "state"), make("span", "work quiet"));
  return make("li", "key-row", head, bar);
}

function showKey(row, key, scale) {
  const [label, state, work] = row.firstChild.children;
  const rest = key.restsFor > 0 && key.restsFor < 3600 ? `, ${key.restsFor.toFixed(key.restsFor < 10 ? 1 : 0)} s` : "";
  setText(label, key.label);
  setText(state, REST[key.state] + rest);
  setText(work, `${key.inFlight} in flight, ${count(key.attempts, "attempt")}`);
  row.dataset.state = key.state;
  const parts = [key.succeeded, key.inFlight, key.rateLimited, key.failed, key.cancelled];
  parts.forEach((part, i) => (row.lastChild.children[i].style.width = `${(100 * part) / scale}%`));
}
