// A run as plots: of each configuration the same, on the same scales, with one cursor.

import { make } from "../dom.js";
import { plotLibrary } from "../lib.js";
import { figure, moment } from "./words.js";

const HEIGHT = 150;
const MOST_RATES = 130;
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18_000, 36_000, 86_400, 172_800, 432_000];

/** What is plotted: lists of a report's `series`, by their colours. Rates are means of several points: else chance is all that shows. */
const PLOTS = [
  { title: "Requests a second", areRates: true, lines: [["sent", "Sent", "--grey"], ["answered", "Answered", "--water"], ["refused", "Refused", "--bad"]] },
  { title: "Calls under way, and waiting", lines: [["queue", "Waiting", "--amber"], ["in_flight", "Under way", "--water"]] },
  { title: "Bucket tokens", isApart: true, lines: [["bucket", "In the bucket", "--water"]] },
];

const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shown = new Set();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown.forEach((plot) => plot.redraw()));

/** Shows the plots of `runs`, `{ name, report }`, in place of those that are in `element`. */
export async function showPlots(element, runs) {
  const uPlot = await plotLibrary();
  shown.forEach((plot) => plot.destroy());
  shown.clear();
  element.replaceChildren();
  const end = Math.max(...runs.map(({ report }) => report.makespan), 0.01);
  for (const { title, lines, areRates, isApart } of PLOTS) {
    const plotted = runs.map(({ report: { series } }) => (areRates ? calmed(series, lines) : series));
    const highestOf = (series) => Math.max(...lines.flatMap(([list]) => series[list]), 1);
    const highest = Math.max(...plotted.map(highestOf));
    for (const [at, { name, report }] of runs.entries()) {
      const frame = make("div", "frame");
      frame.setAttribute("role", "img");
      frame.setAttribute("aria-label", `${title}${name && `, ${name}`}, over time. ${summary(report, lines)}`);
      element.append(make("figure", "plot", make("figcaption", "", title, make("span", "quiet", name)), frame));
      draw(uPlot, frame, plotted[at], { lines, end, highest: isApart ? highestOf(plotted[at]) : highest });
    }
  }
}

/** The lists with the means of so many points each that about 130 are left. */
function calmed(series, lines) {
  const several = Math.ceil(series.time.length / MOST_RATES);
  const ends = [...series.time.keys()].filter((at) => at % several === 0);
  const mean = (list, end) => {
    const points = list.slice(Math.max(0, end - several + 1), end + 1);
    return points.reduce((sum, value) => sum + value, 0) / points.length;
  };
  const means = lines.map(([list]) => [list, ends.map((end) => mean(series[list], end))]);
  return { time: ends.map((end) => series.time[end]), ...Object.fromEntries(means) };
}

/** What the plot says to those who do not see it. */
function summary({ series }, lines) {
  return lines.map(([list, label]) => `${label}: up to ${figure(Math.max(...series[list]))}, at the end ${figure(series[list].at(-1))}.`).join(" ");
}

function draw(uPlot, frame, series, { lines, end, highest }) {
  const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const options = {
    width: frame.clientWidth,
    height: HEIGHT,
    padding: [8, 20, 0, 0],
    cursor: { sync: { key: "simulator" }, drag: { x: false, y: false }, points: { size: 6 } },
    legend: { markers: { width: 0, fill: (plot, index) => plot.series[index].stroke(plot) } },
    scales: { x: { time: false, range: [0, end] }, y: { range: [0, highest * 1.05] } },
    axes: [
      { ...axis, incrs: STEPS, space: 64, size: 26, values: (_, moments) => moments.map(moment) },
      { ...axis, size: 46, space: 32, values: (_, values) => values.map(figure) },
    ],
    series: [{ label: "At", value: (_, at) => (at == null ? "–" : moment(at)) }, ...lines.map((line) => lineOf(line))],
  };
  const plot = new uPlot(options, [series.time, ...lines.map(([list]) => series[list])], frame);
  shown.add(plot);
  new ResizeObserver(() => shown.has(plot) && frame.clientWidth > 0 && plot.setSize({ width: frame.clientWidth, height: HEIGHT })).observe(frame);
}

const lineOf = ([, label, name]) => ({
  label,
  stroke: color(name),
  width: 1.5,
  points: { show: false },
  value: (_, value) => (value == null ? "–" : figure(value)),
});
