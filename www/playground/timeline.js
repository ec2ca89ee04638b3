// The timeline: every request a row, from its first wait to its end. It can be zoomed with wheel, mouse and keyboard.

import { byId, make, seconds, setText } from "../dom.js";
import { plotLibrary } from "../lib.js";
import { palette } from "./colors.js";
import { KEYS, gestures } from "./gestures.js";
import { paint } from "./paint.js";
import { now } from "./session.js";
import { View } from "./view.js";

const FRAME = 50; // milliseconds between two pictures, at least
/** Rows between two labels. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

export async function timeline(session) {
  const uPlot = await plotLibrary();
  const frame = byId("timeline-chart");
  const view = new View();
  byId("timeline-empty").hidden = true;
  frame.hidden = false;
  byId("timeline-tools").hidden = false;
  let painted = { at: 0, version: -1 };
  let changed = false;

  const change = (how) => {
    how(view);
    changed = true;
    frame.classList.toggle("zoomed", !view.follows);
    setText(byId("timeline-range"), rangeOf(view));
  };

  /** Makes a picture where there is something new to see. */
  function look() {
    requestAnimationFrame(look);
    const { requests } = session;
    const moves = requests.open > 0 || requests.version !== painted.version || changed;
    if (!moves || performance.now() - painted.at < FRAME || frame.offsetParent === null) return;
    painted = { at: performance.now(), version: requests.version };
    changed = false;
    const { all, recent } = extents(requests);
    view.fit(all, recent);
    plot.batch(() => {
      plot.setScale("x", { min: view.x[0], max: view.x[1] });
      plot.setScale("y", { min: view.y[0], max: view.y[1] });
    });
    plot.redraw(false);
    setText(byId("timeline-range"), rangeOf(view));
  }

  const plot = new uPlot(options(session, sizeOf(frame), view, change), [[0, 1], [0, 1]], frame);
  new ResizeObserver(() => {
    plot.setSize(sizeOf(frame));
    changed = true;
  }).observe(frame);
  gestures(frame, plot, change);
  frame.dataset.ready = "";
  look();
}

/** How far all requests go, in time and rows, and how far those of the present busy time. */
function extents({ list, since, open, lastEnd }) {
  const end = open > 0 ? now() : lastEnd + 0.2;
  const first = list.findIndex((request) => request && request.begun >= since);
  const begun = list.find(Boolean)?.begun ?? 0;
  return { all: { x: [begun, end], y: [0, list.length] }, recent: { x: [since, end], y: [Math.max(first, 0), list.length] } };
}

const rangeOf = ({ x, y, follows }) =>
  `${seconds(x[0])} to ${seconds(x[1])}, requests ${Math.floor(y[0]) + 1} to ${Math.ceil(y[1])}${follows ? ", following" : ""}`;

const sizeOf = (frame) => ({ width: frame.clientWidth, height: frame.clientHeight });

function options(session, size, view, change) {
  const axis = { stroke: () => palette.quiet, font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: () => palette.line, width: 1 } };
  return {
    ...size,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { points: { show: false }, drag: { x: true, y: true, setScale: false, dist: 6 }, bind: { dblclick: () => () => change(KEYS[0]) } },
    scales: { x: { time: false, range: () => view.x }, y: { range: () => view.y, dir: -1 } },
    axes: [
      { ...axis, size: 26, space: 70, values: (_, ticks) => ticks.map((tick) => `${+tick.toFixed(2)} s`) },
      { ...axis, size: 44, space: 24, incrs: STEPS, splits: (...place) => rowsToName(session, place), values: (_, rows) => rows.map((row) => `#${row + 0.5}`) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => paint(plot, session.requests, now())],
      init: [(plot) => plot.over.append(Object.assign(make("p", "hover"), { ariaHidden: "true" }))],
      setCursor: [(plot) => tell(plot, reading(plot, session.requests.list))],
      setSelect: [(plot) => select(plot, change)],
    },
  };
}

/** Shows what somebody drew a frame around. */
function select(plot, change) {
  const { left, top, width, height } = plot.select;
  if (width < 2 && height < 2) return;
  const span = (axis, from, length) => [plot.posToVal(from, axis), plot.posToVal(from + length, axis)];
  change((view) => view.show(span("x", left, width), span("y", top, height)));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

/** The middles of the rows that get a label: the first, and every so many. */
function rowsToName({ requests }, [, , from, to, step]) {
  const last = Math.min(to, requests.list.length);
  const numbers = Array.from({ length: Math.floor(last / step) }, (_, i) => (i + 1) * step);
  if (step > 1 && last >= 1) numbers.unshift(1);
  return numbers.map((number) => number - 0.5).filter((row) => row >= from);
}

/** Says something beside the pointer, on the side where there is more room. */
function tell({ over, cursor }, text) {
  const words = over.querySelector(".hover");
  setText(words, text);
  const [left, top] = [cursor.left > over.clientWidth / 2, cursor.top > over.clientHeight / 2];
  words.style.transform = `translate(${cursor.left}px, ${cursor.top}px) translate(${left ? "calc(-100% - 12px)" : "12px"}, ${top ? "calc(-100% - 12px)" : "12px"})`;
}

/** What the pointer points at, in words. */
function reading(plot, list) {
  const request = plot.cursor.top < 0 ? undefined : list[Math.floor(plot.posToVal(plot.cursor.top, "y"))];
  if (!request) return "";
  const parts = [`#${request.number + 1}`, request.state, request.key, `waited ${seconds(request.waited)}`];
  if (request.firstToken !== undefined) parts.push(`first token after ${seconds(request.firstToken)}`);
  if (request.ended !== undefined) parts.push(`took ${seconds(request.ended - request.begun)}`);
  const failures = request.spans.filter((span) => span.failure).map((span) => span.failure);
  return parts.filter(Boolean).concat(failures).join(", ");
}
