// The event log: what happens to the calls, in words, newest last.

import { byId, make, stayAtEnd } from "../dom.js";
import { now } from "./session.js";
import { WORDS } from "./words.js";

const MOST_LINES = 300;

export function log() {
  const list = byId("log");
  stayAtEnd(list);

  return {
    connect: () => list.replaceChildren(),
    happened(name, event) {
      const line = make("li", "", make("time", "", now().toFixed(2)), make("b", "", `#${event.call + 1}`), make("span", "", WORDS[name](event)));
      line.dataset.event = name;
      if (event.outcome) line.dataset.outcome = event.outcome;
      list.append(line);
      while (list.children.length > MOST_LINES) list.firstChild.remove();
    },
  };
}
