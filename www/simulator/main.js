// The simulator: an hour of traffic under virtual time. It is loaded when its tab is first opened.

import { make } from "../dom.js";

/** Fills the tab's panel. */
export function mount(panel) {
  panel.append(
    make(
      "section",
      "panel",
      make("h2", "", "Simulator"),
      make("p", "quiet", "An hour of traffic, played in under a second through the same pool and bucket: your provider.json against made-up trouble."),
    ),
  );
}
