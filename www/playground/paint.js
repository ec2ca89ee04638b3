// Draws the requests into the plot: a row each, its spans one behind the other, coloured by key.

import { palette } from "./colors.js";
import { isWait } from "./requests.js";

const COLORS = {
  queue: () => palette.queue,
  keyless: () => palette.keyless,
  rest: () => palette.rest,
  // Opaque: rows that are thinner than a pixel lie over each other.
  sent: ({ key }) => `color-mix(in srgb, ${palette.ofKey(key)} 40%, ${palette.panel})`,
  stream: ({ key }) => palette.ofKey(key),
};

const LEAST = 2; // pixels

/** The first and the last row that show, of so many. */
export function rowsIn([from, to], count) {
  return [Math.max(0, Math.floor(from)), Math.min(count, Math.ceil(to))];
}

/** Draws what shows of the requests; what has not ended goes on to `now`. */
export function paint(plot, { list }, now) {
  const { ctx, bbox } = plot;
  const { min, max } = plot.scales.y;
  const [first, last] = rowsIn([min, max], list.length);
  const pitch = bbox.height / (max - min);
  // Where rows are lines, no room is left between them.
  const height = Math.max(pitch > 4 ? pitch * 0.72 : pitch, 1);
  const shown = list.slice(first, last).filter(Boolean);
  const top = ({ number }) => plot.valToPos(number + 0.5, "y", true) - height / 2;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const request of shown) waits(plot, request, top(request), height, now);
  // Over the waits of their neighbours, as work must show however thin the rows are.
  for (const request of shown) work(plot, request, top(request), Math.max(height, LEAST), now);
  ctx.restore();
}

/** What waits is thinner than what works. */
function waits(plot, request, top, height, now) {
  const slim = height > 6;
  for (const span of request.spans.filter(isWait)) bar(plot, span, slim ? top + height * 0.3 : top, slim ? height * 0.4 : height, now);
}

function work(plot, request, top, height, now) {
  const { ctx } = plot;
  for (const span of request.spans) {
    if (!isWait(span)) bar(plot, span, top, height, now);
    if (span.failure) mark(ctx, plot.valToPos(span.to, "x", true), top, height, palette.bad);
  }
  if (request.ended !== undefined) mark(ctx, plot.valToPos(request.ended, "x", true), top, height, endColor(request), 2);
}

function bar(plot, span, top, height, now) {
  const [from, to] = [span.from, span.to ?? now].map((time) => plot.valToPos(time, "x", true));
  plot.ctx.fillStyle = COLORS[span.kind](span);
  plot.ctx.fillRect(from, top, Math.max(to - from, 1), height);
}

const endColor = ({ state }) => (state === "failed" ? palette.bad : state === "stopped" ? palette.grey : palette.ink);

/** An upright line, a little higher than its row where there is room. */
function mark(ctx, x, top, height, color, width = 3) {
  const more = height > 6 ? 2 : 0;
  ctx.fillStyle = color;
  ctx.fillRect(x - width / 2, top - more, Math.min(width, Math.max(height, 1.5)), height + 2 * more);
}
