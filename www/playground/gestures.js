// How the timeline is moved and zoomed: with wheel, keys, buttons and fingers.

import { byId } from "../dom.js";

const STEP = 0.2; // of what shows, for a key
const BOTH = ["x", "y"];

/** What keys do; buttons name the key that does the same. */
export const KEYS = {
  ArrowLeft: (view) => view.pan("x", -STEP),
  ArrowRight: (view) => view.pan("x", STEP),
  ArrowUp: (view) => view.pan("y", -STEP),
  ArrowDown: (view) => view.pan("y", STEP),
  "+": (view) => view.zoom(0.7),
  "=": (view) => view.zoom(0.7),
  "-": (view) => view.zoom(1 / 0.7),
  0: (view) => (view.follows = true),
  Home: (view) => view.showAll(),
};

/** Hands what is to be done with the view to `change`. */
export function gestures(frame, plot, change) {
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    change((view) => view.zoom(event.deltaY < 0 ? 0.8 : 1.25, placeOf(plot, event), event.shiftKey ? ["x"] : BOTH));
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    change(KEYS[event.key]);
  });
  byId("timeline-tools").addEventListener("click", ({ target }) => {
    const key = target.closest("[data-key]")?.dataset.key;
    if (key) change(KEYS[key]);
  });
  touches(frame, plot, change);
}

/** Time and row of a place in the window. */
function placeOf(plot, { clientX, clientY }) {
  const { left, top } = plot.over.getBoundingClientRect();
  return { x: plot.posToVal(clientX - left, "x"), y: plot.posToVal(clientY - top, "y") };
}

/** One finger moves, two zoom. Where everything shows, a finger scrolls the page instead: the style sheet says so. */
function touches(frame, plot, change) {
  const fingers = new Map();
  const end = ({ pointerId }) => fingers.delete(pointerId);
  frame.addEventListener("pointerdown", (event) => event.pointerType === "touch" && fingers.set(event.pointerId, event));
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find((finger) => finger !== before);
    change((view) => (other ? pinch(view, plot, before, event, other) : drag(view, plot, before, event)));
    fingers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, end);
}

function drag(view, plot, before, { clientX, clientY }) {
  if (view.follows) return;
  view.pan("x", (before.clientX - clientX) / plot.over.clientWidth);
  view.pan("y", (before.clientY - clientY) / plot.over.clientHeight);
}

function pinch(view, plot, before, after, other) {
  const apart = ({ clientX, clientY }) => Math.hypot(clientX - other.clientX, clientY - other.clientY);
  const middle = { clientX: (after.clientX + other.clientX) / 2, clientY: (after.clientY + other.clientY) / 2 };
  view.zoom(apart(before) / Math.max(apart(after), 1), placeOf(plot, middle));
}
