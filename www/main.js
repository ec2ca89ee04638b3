// Puts the page together: its tabs, each with a module of its own that is loaded when the tab is first opened.

import { byId, make } from "./dom.js";
import { tabs } from "./tabs.js";

const MODULES = {
  playground: () => import("./playground/main.js"),
  simulator: () => import("./simulator/main.js"),
};
const opened = {};

// The hash names the tab; what comes behind the name, as in `#simulator/…`, is the tab's own.
const named = () => /^#(\w+)/.exec(location.hash)?.[1];

const choose = tabs(byId("tabs"), (id) => {
  if (named() !== id && (named() || id !== "playground")) history.replaceState(null, "", `#${id}`);
  opened[id] ??= open(id);
});

/** Makes a panel do something, or say that it cannot. */
async function open(id) {
  const panel = byId(id);
  try {
    const { mount } = await MODULES[id]();
    await mount(panel);
  } catch (error) {
    const problem = make("p", "panel problem", `This cannot be loaded: ${error.message}. Reload the page to try again.`);
    problem.setAttribute("role", "alert");
    panel.prepend(problem);
  }
}

addEventListener("hashchange", () => named() && choose(named()));
choose(named());
await Promise.all(Object.values(opened));
document.documentElement.dataset.ready = "";
