// The colours of keys, and of all else that is drawn rather than written; the style sheet has them.

const KEYS = 8; // --key-0 to --key-7
const OTHERS = ["panel", "ink", "quiet", "line", "queue", "keyless", "rest", "bad", "grey"];

/** The name of a key's colour, by its place in the pool. */
export const colorName = (index) => `--key-${index % KEYS}`;

/** The colours of now: of the light or the dark theme. */
class Palette {
  #labels = [];
  #read = new Map();

  constructor() {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#read.clear());
  }

  /** The pool's keys, by their labels. */
  setKeys(labels) {
    this.#labels = labels;
  }

  of(name) {
    if (!this.#read.has(name)) this.#read.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return this.#read.get(name);
  }

  ofKey(label) {
    const index = this.#labels.indexOf(label);
    return index < 0 ? this.of("--grey") : this.of(colorName(index));
  }
}

export const palette = new Palette();
for (const name of OTHERS) Object.defineProperty(palette, name, { get: () => palette.of(`--${name}`) });
