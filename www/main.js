// Puts the page together: its tabs, each with a module of its own.

import { byId } from "./dom.js";
import { playground } from "./playground.js";
import { tabs } from "./tabs.js";

// The hash names the tab; what comes behind the name, as in `#simulator/…`, is the tab's own.
const named = () => /^#(\w+)/.exec(location.hash)?.[1];
let simulator; // loaded when first asked for

const choose = tabs(byId("tabs"), (id) => {
  if (named() !== id && (named() || id !== "playground")) history.replaceState(null, "", `#${id}`);
  if (id === "simulator") simulator ??= import("./simulator/main.js").then(({ mount }) => mount(byId("simulator")));
});
addEventListener("hashchange", () => named() && choose(named()));

choose(named());
await playground();
document.documentElement.dataset.ready = "";
