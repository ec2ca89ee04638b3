// A key's lane: how many requests it had in flight in the last minute, over the colours of its health.

import { plotLibrary } from "../lib.js";
import { colorName, palette } from "./colors.js";
import { now } from "./session.js";

const SHOWN = 60; // seconds
const HEALTH = { cooling: "--rest", exhausted: "--rest", dead: "--bad" };

/** Resolves to what makes lanes: of an element, for the key at this place of the pool. */
export async function laneMaker() {
  const uPlot = await plotLibrary();
  return (element, index) => new Lane(uPlot, element, index);
}

class Lane {
  #times = [];
  #inFlight = [];
  #states = [];
  #plot;

  constructor(uPlot, element, index) {
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    this.#plot = new uPlot({ ...size(), ...this.#options(uPlot, colorName(index)) }, [[], []], element);
    new ResizeObserver(() => this.#plot.setSize(size())).observe(element);
  }

  /** Takes down how the key is doing, and shows it. */
  take({ inFlight, state }) {
    const time = now();
    this.#times.push(time);
    this.#inFlight.push(inFlight);
    this.#states.push(state);
    const old = this.#times.findIndex((one) => one >= time - SHOWN - 2);
    for (const list of [this.#times, this.#inFlight, this.#states]) list.splice(0, old);
    this.#plot.setData([this.#times, this.#inFlight]);
  }

  #options(uPlot, name) {
    const color = () => palette.of(name);
    return {
      legend: { show: false },
      cursor: { show: false },
      padding: [2, 0, 0, 0],
      axes: [{ show: false }, { show: false }],
      scales: { x: { time: false, range: () => [now() - SHOWN, now()] }, y: { range: (_, _low, high) => [0, Math.max(high ?? 0, 4)] } },
      series: [{}, { stroke: color, fill: color, width: 0, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }],
      hooks: { drawClear: [(plot) => this.#paintHealth(plot)] },
    };
  }

  #paintHealth(plot) {
    const { ctx, bbox } = plot;
    const at = (time) => plot.valToPos(time, "x", true);
    ctx.save();
    ctx.globalAlpha = 0.35;
    this.#states.forEach((state, i) => {
      if (!HEALTH[state]) return;
      const [from, to] = [Math.max(at(this.#times[i]), bbox.left), at(this.#times[i + 1] ?? now())];
      ctx.fillStyle = palette.of(HEALTH[state]);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    });
    ctx.restore();
  }
}
