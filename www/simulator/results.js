// What came of it: the figures that matter most, all of them beside the optimum, and what each key did.

import { make } from "../dom.js";
import { duration, figure, percent, whole } from "./words.js";

/** What everybody wants to know first. Each: what it says of a report, and what it is measured by. */
const FIRST = [
  ["Answered", ({ succeeded, calls }) => percent(succeeded, calls), ({ calls }) => `of ${whole(calls)} calls`],
  ["Wait, p95", ({ waits }) => duration(waits.total.p95), ({ optimum_waits }) => `at best ${duration(optimum_waits.p95)}`],
  ["Refused with 429", ({ refused, requests }) => (refused ? percent(refused, requests) : "none"), ({ requests }) => `of ${whole(requests)} requests`],
  ["Done after", ({ makespan }) => duration(makespan), ({ optimum }) => `at best ${duration(optimum)}`],
];

const REASONS = { bucket: "a bucket token", key: "a key", retry: "the next retry", concurrency: "room", budget: "LLM tokens" };
const OUTCOMES = { 200: "200, answered", 401: "401, dead key", 429: "429, refused", 500: "500", 503: "503, overloaded", cut: "cut short", silence: "never answered" };
const QUANTILES = ["p50", "p95", "p99", "max"];

/** The times of which quantiles are told, and where they are in a report. */
const TIMES = [
  ["Wait", ({ waits }) => waits.total],
  ["First token", ({ first_token }) => first_token],
  ["Whole call", ({ latency }) => latency],
];

/** The rows of the table: a name, what they say of a report, and of the optimum. What nobody has is left out. */
const rowsOf = (runs) => [
  ["Calls answered", ({ succeeded }) => whole(succeeded)],
  ["Calls failed", ({ failed }) => whole(failed)],
  ...namesIn(runs, "failures").map((kind) => [`… ${kind}`, ({ failures }) => whole(failures[kind] ?? 0)]),
  ["Requests sent", ({ requests }) => whole(requests)],
  ...namesIn(runs, "outcomes").map((name) => [`… ${OUTCOMES[name] ?? name}`, ({ outcomes }) => whole(outcomes[name] ?? 0)]),
  ["Calls answered a second", ({ throughput }) => figure(throughput)],
  ["Done after", ({ makespan }) => duration(makespan), ({ optimum }) => duration(optimum)],
  ...Object.entries(REASONS).map(([reason, words]) => [`Mean wait for ${words}`, ({ waits }) => waits[reason].max > 0 && duration(waits[reason].mean)]),
  ["Balance (Jain’s index)", ({ balance }) => balance.toFixed(3), () => "1"],
];

const namesIn = (runs, counts) => [...new Set(runs.flatMap(({ report }) => Object.keys(report[counts])))];

/** "1,800 calls, 1,748 answered, 52 failed." */
export function verdict({ name, report }) {
  const { calls, succeeded, failed } = report;
  const fate = failed === 0 ? "all answered" : `${whole(succeeded)} answered, ${whole(failed)} failed`;
  return `${name && `${name}: `}${whole(calls)} calls, ${fate}, done after ${duration(report.makespan)}; at best ${duration(report.optimum)}.`;
}

/** The first figures, of each run one below the other. */
export function showFigures(element, runs) {
  element.replaceChildren(
    ...FIRST.map(([title, say, beside]) => {
      const lines = runs.map(({ name, report }) => make("dd", "", make("span", "run", name), make("strong", "", say(report)), make("span", "quiet", beside(report))));
      return make("div", "", make("dt", "", title), ...lines);
    }),
  );
}

/** How long it takes: of each run one below the other, and of the optimum. */
export function showTimes(table, runs) {
  const rows = TIMES.flatMap(([title, spread]) => {
    const ofRuns = runs.map(({ name, report }) => [name ? `${title}, ${name}` : title, spread(report)]);
    const best = title === "Wait" ? bestWaits(runs) : [];
    return [...ofRuns.filter(([, it]) => it.max > 0 || title === "Wait"), ...best];
  });
  const body = rows.map(([name, it]) => row(name, QUANTILES.map((p) => duration(it[p]))));
  fill(table, ["", ...QUANTILES], body);
}

/** Where the keys are as many, the best is the same for both. */
function bestWaits(runs) {
  const all = runs.map(({ name, report }) => [`Wait, ${name}, at best`, report.optimum_waits]);
  const isOne = all.every(([, it]) => QUANTILES.every((p) => it[p] === all[0][1][p]));
  return isOne ? [["Wait, at best", all[0][1]]] : all;
}

/** All that is counted. */
export function showTable(table, runs) {
  const bestOf = (best) => [...new Set(runs.map(({ report }) => best(report)))].join(" / ");
  const rows = rowsOf(runs).map(([name, say, best]) => [name, runs.map(({ report }) => say(report)), best ? bestOf(best) : ""]);
  const body = rows.filter(([, values]) => values.some(Boolean)).map(([name, values, best]) => row(name, [...values.map((value) => value || "–"), best]));
  fill(table, ["", ...runs.map(({ name }) => name || "This client"), "At best"], body);
}

/** What each key did, as bars beside each other. */
export function showKeys(element, runs) {
  const most = Math.max(...runs.flatMap(({ report }) => report.keys.map(({ requests }) => requests)), 1);
  element.replaceChildren(...runs.map(({ name, report }) => keyTable(name, report.keys, most)));
}

function keyTable(name, keys, most) {
  const rows = keys.map(({ label, requests, answered, refused }) => {
    const other = requests - answered - refused;
    const bar = make("td", "bars", share("answered", answered, most), share("refused", refused, most), share("other", other, most));
    bar.setAttribute("aria-hidden", "true");
    const line = row(label, [answered, refused, other].map(whole));
    line.firstChild.after(bar);
    return line;
  });
  const table = fill(make("table", "numbers per-key"), ["Key", "", "Answered", "Refused", "Failed"], rows);
  return captioned(table, name);
}

function share(kind, count, most) {
  const part = make("span", kind);
  part.style.width = `${(100 * count) / most}%`;
  return part;
}

const LISTS = {
  time: "At",
  sent: "Sent a second",
  answered: "Answered a second",
  refused: "Refused a second",
  queue: "Waiting",
  in_flight: "Under way",
  bucket: "Bucket tokens",
};

/** What the plots show, as a table: a row for some twenty moments. */
export function showSeries({ name, report: { series } }) {
  const every = Math.ceil(series.time.length / 20);
  const moments = [...series.time.keys()].filter((at) => at % every === 0);
  const [, ...lists] = Object.keys(LISTS);
  const rows = moments.map((at) => row(duration(series.time[at]), lists.map((list) => figure(series[list][at]))));
  return captioned(fill(make("table", "numbers"), Object.values(LISTS), rows), name);
}

function heading(scope, text) {
  const cell = make(text ? "th" : "td", "", text);
  if (text) cell.scope = scope;
  return cell;
}

const row = (name, cells) => make("tr", "", heading("row", name), ...cells.map((cell) => make("td", "", cell)));

function fill(table, titles, rows) {
  table.replaceChildren(make("thead", "", make("tr", "", ...titles.map((title) => heading("col", title)))), make("tbody", "", ...rows));
  return table;
}

function captioned(table, name) {
  if (name) table.prepend(make("caption", "", name));
  return table;
}
