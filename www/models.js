// The choice of the model, with the faults that the embedded provider has on offer.

import { byId, make } from "./dom.js";

const FAULTS = [
  ["fault-429", "429 every time"],
  ["fault-once-503", "503 once, then well"],
  ["fault-once-quota", "one key out of credit"],
  ["fault-cut-24", "cut in mid-answer"],
  ["fault-once-silence", "silence once, then well"],
  ["fault-slow-first-token-2500", "slow first token"],
];

/** The picker: its `value` is the chosen model. */
export function models() {
  const select = byId("model");
  return {
    get value() {
      return select.value;
    },
    show(model, withFaults) {
      select.replaceChildren(new Option(model, model));
      if (!withFaults) return;
      const faults = make("optgroup");
      faults.label = "Faults";
      faults.append(...FAULTS.map(([name, meaning]) => new Option(meaning, name)));
      select.append(faults);
    },
  };
}
