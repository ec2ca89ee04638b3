// The pool's keys: a lane each, with how it is doing.

import { byId, make, setText } from "../dom.js";
import { colorName, palette } from "./colors.js";

const STATES = { ready: "ready", cooling: "cooling", exhausted: "out of credit", dead: "refused" };
const SHORT = new Intl.NumberFormat("en", { notation: "compact" });
const EVERY = 250; // milliseconds between two entries of a lane

export function keys() {
  const list = byId("keys");
  let shown = ""; // the labels of the rows
  let lanes = [];
  let taken = 0;
  let loading, laneOf; // what draws the lanes comes with the first request

  /** Shows `statuses`, the pool's keys as they are now. */
  function show(statuses) {
    const labels = statuses.map((key) => key.label);
    if (shown !== labels.join()) rebuild(labels);
    statuses.forEach((key, i) => showKey(list.children[i], key));
    if (performance.now() - taken < EVERY) return;
    taken = performance.now();
    lanes.forEach((lane, i) => lane.take(statuses[i]));
  }

  function rebuild(labels) {
    shown = labels.join();
    palette.setKeys(labels);
    list.replaceChildren(...labels.map((_, i) => keyRow(i)));
    if (labels.length === 0) list.append(make("li", "quiet", "No keys: the server asks for none."));
    draw();
  }

  function draw() {
    lanes = laneOf ? [...list.querySelectorAll(".lane")].map(laneOf) : [];
  }

  async function load() {
    laneOf = await (await import("./lanes.js")).laneMaker();
    draw();
  }

  return {
    show,
    connect: () => (shown = undefined),
    // Where it cannot be loaded, the timeline says so.
    happened: () => (loading ??= load().catch(() => (loading = undefined))),
  };
}

function keyRow(index) {
  const swatch = make("span", "swatch");
  swatch.style.background = `var(${colorName(index)})`;
  const lane = make("div", "lane");
  lane.ariaHidden = "true"; // the words beside it say the same
  const head = make("p", "head", swatch, make("code"), make("span", "state"));
  return make("li", "key-row", head, lane, make("p", "in-flight"), make("p", "work quiet"));
}

function showKey(row, key) {
  const [, label, state] = row.firstChild.children;
  const rest = key.state !== "ready" && key.restsFor > 0 && key.restsFor < 3600 ? `, ${key.restsFor.toFixed(key.restsFor < 10 ? 1 : 0)} s` : "";
  setText(label, key.label);
  setText(state, STATES[key.state] + rest);
  setText(row.children[2], `${key.inFlight} in flight, ${key.succeeded} answered`);
  setText(row.children[3], workOf(key));
  row.dataset.state = key.state;
}

function workOf({ rateLimited, failed, inputTokens, outputTokens }) {
  const [read, written] = [inputTokens, outputTokens].map((number) => SHORT.format(number));
  const failures = [[rateLimited, "limited"], [failed, "failed"]].filter(([number]) => number > 0).map((part) => part.join(" "));
  return [failures.join(", "), `${read} LLM tokens in, ${written} out`].filter(Boolean).join(" · ");
}
