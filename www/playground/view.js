// What part of the timeline shows: a span of time and a span of rows. It follows what happens until somebody looks closer.

const LEAST = { x: 0.02, y: 2 }; // seconds, rows
const LEAST_FOLLOWED = { x: 4, y: 8 };

export class View {
  x = [0, LEAST_FOLLOWED.x];
  y = [0, LEAST_FOLLOWED.y];
  follows = true;
  #bounds = { x: this.x, y: this.y };

  /** Says how far everything goes (`all`), and what is to show (`now`) while it follows. */
  fit(all, now) {
    this.#bounds = { x: widened(union(all.x, now.x), LEAST_FOLLOWED.x), y: widened(union(all.y, now.y), LEAST_FOLLOWED.y) };
    if (this.follows) [this.x, this.y] = [widened(now.x, LEAST_FOLLOWED.x), widened(now.y, LEAST_FOLLOWED.y)];
  }

  /** Makes what shows so many times as wide, around a point that stays where it is. */
  zoom(factor, around = {}, axes = ["x", "y"]) {
    for (const axis of axes) {
      const [from, to] = this[axis];
      const center = around[axis] ?? (from + to) / 2;
      this.#show(axis, center - (center - from) * factor, center + (to - center) * factor);
    }
  }

  /** Moves by a part of what shows. */
  pan(axis, part) {
    const [from, to] = this[axis];
    const by = (to - from) * part;
    this.#show(axis, from + by, to + by);
  }

  show(x, y) {
    this.#show("x", ...x);
    this.#show("y", ...y);
  }

  /** Everything since the page was opened. */
  showAll() {
    this.show(this.#bounds.x, this.#bounds.y);
  }

  #show(axis, from, to) {
    const [first, last] = this.#bounds[axis];
    const width = Math.min(Math.max(to - from, LEAST[axis]), last - first);
    const start = Math.min(Math.max(from, first), last - width);
    this[axis] = [start, start + width];
    this.follows = false;
  }
}

const union = (a, b) => [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
const widened = ([from, to], least) => [from, Math.max(to, from + least)];
