// The panel's frame: what is there before anything is played.

import { make } from "../dom.js";

const button = (className, text, type = "button") => Object.assign(make("button", className, text), { type });
const titled = (id, text) => Object.assign(make("h2", "", text), { id });

/** Fills the panel, and gives back the parts that change, once they have their looks. */
export async function frame(panel) {
  await styled();
  const parts = {
    presets: make("div", "presets"),
    fields: make("div", "fields"),
    problem: make("p", "problem"),
    note: make("p", "quiet note"),
    stop: button("stop", "Stop"),
    share: button("", "Copy link"),
    verdicts: make("div", "verdicts"),
    figures: make("dl", "first"),
    plots: make("div", "plots"),
    times: make("table", "numbers"),
    numbers: make("table", "numbers"),
    keys: make("div", "key-tables"),
    series: make("div", "series"),
  };
  parts.problem.setAttribute("role", "alert");
  parts.presets.setAttribute("role", "group");
  parts.presets.setAttribute("aria-label", "Examples");
  for (const part of [parts.problem, parts.stop]) part.hidden = true;
  parts.form = scenario(parts);
  parts.results = results(parts);
  parts.results.hidden = true;
  panel.replaceChildren(make("div", "simulator", parts.form, parts.results));
  return parts;
}

function scenario({ presets, fields, problem, note, stop, share }) {
  const intro = make("p", "quiet", "Your settings against made-up trouble: the real client, with its pool, bucket and retries, under virtual time.");
  const actions = make("div", "actions", button("primary", "Play", "submit"), stop, share, note);
  const form = make("form", "panel scenario", titled("scenario-title", "What is played"), intro, presets, fields, problem, actions);
  form.noValidate = true;
  form.setAttribute("aria-labelledby", "scenario-title");
  return form;
}

function results({ verdicts, figures, plots, times, numbers, keys, series }) {
  const overTime = make("details", "panel", make("summary", "", "The plots as a table"), scrolling("The plots as a table", series));
  const element = make(
    "section",
    "results",
    make("div", "panel", titled("results-title", "What comes of it"), verdicts, figures),
    make("section", "panel", titled("plots-title", "Over time"), plots),
    overTime,
    make("div", "column", section("times-title", "How long it takes", times), section("sim-keys-title", "What each key did", keys)),
    make("div", "column", section("numbers-title", "How many", numbers)),
  );
  element.setAttribute("aria-labelledby", "results-title");
  return element;
}

const section = (id, title, content) => make("section", "panel", titled(id, title), scrolling(title, content));

/** What may be wider than a phone scrolls by itself, with the keyboard, too. */
function scrolling(name, content) {
  const element = make("div", "scrolling", content);
  element.tabIndex = 0;
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", name);
  return element;
}

/** Resolves when the tab's style sheet has come. */
function styled() {
  const sheet = Object.assign(make("link"), { rel: "stylesheet", href: new URL("style.css", import.meta.url).href });
  return new Promise((resolve) => {
    sheet.onload = sheet.onerror = resolve;
    document.head.append(sheet);
  });
}
