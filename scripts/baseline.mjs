// Figures beside those that were recorded: they may differ by a little, either way. What has become better is
// recorded, too, or it could be lost again unseen.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, root } from "./run.mjs";

const REMEDY = "If that is as it should be, record it: npm run record";

/** Figures with a record: `file` holds it, `tolerance` is a part of it (0.02: two percent), `show` makes a figure text. */
export class Baseline {
  constructor({ file, tolerance, show }) {
    Object.assign(this, { path: join(root, file), tolerance, show });
  }

  record(found) {
    writeFileSync(this.path, `${JSON.stringify(found, null, 2)}\n`);
    this.compare(found);
  }

  /** Prints the figures; one that is too far from its record is a failure, as is one without. */
  compare(found) {
    const recorded = JSON.parse(readFileSync(this.path, "utf8"));
    const names = [...new Set([...Object.keys(recorded), ...Object.keys(found)])];
    const off = names.filter((name) => !this.isNear(found[name], recorded[name]));
    for (const name of names) console.log(this.line(name, found[name], recorded[name]));
    if (off.length) throw new Failure(`not as recorded: ${off.join(", ")}. ${REMEDY}`);
  }

  isNear(figure, recorded) {
    return Math.abs(figure / recorded - 1) <= this.tolerance; // false for what is missing
  }

  line(name, figure, recorded) {
    const text = (value) => (value === undefined ? "missing" : this.show(value)).padStart(12);
    const change = 100 * (figure / recorded - 1);
    const percent = Number.isNaN(change) ? "" : `${change < 0 ? "" : "+"}${change.toFixed(1)} %`;
    return `${name.padEnd(40)}${text(figure)}  recorded ${text(recorded)}${percent.padStart(10)}`;
  }
}
