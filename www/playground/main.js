// Puts the playground together: one client at a time, and the parts that show what it does.

import { announce, byId } from "../dom.js";
import { tabs } from "../tabs.js";
import { burst } from "./burst.js";
import { chat } from "./chat.js";
import { dashboard } from "./dashboard.js";
import { log } from "./log.js";
import { models } from "./models.js";
import { Session } from "./session.js";
import { settings } from "./settings.js";
import { table } from "./table.js";
import { trouble } from "./trouble.js";

/** Fills the tab's panel, whose elements stand in the page. */
export async function mount() {
  const embedded = await embeddedProvider();
  const session = new Session();
  const form = settings(connect, embedded);
  let clients = new Map();
  const picker = models((name) => use(name));

  /** Talks to the first of these clients, and has the others on offer. */
  function connect(found) {
    clients = found;
    picker.show([...found.keys()]);
    use(found.keys().next().value);
  }

  function use(name) {
    const llm = clients.get(name);
    session.use(llm);
    const isEmbedded = llm.baseUrl === embedded?.baseUrl;
    const { host } = new URL(llm.baseUrl);
    byId("connection").textContent = isEmbedded ? "Embedded provider" : host;
    byId("open-settings").dataset.connected = "";
    byId("change").textContent = "Change";
    byId("burst-summary").textContent = isEmbedded ? "" : "These cost what any other requests do.";
    announce(`Connected to ${isEmbedded ? "the embedded provider" : host}.`);
  }

  const { ask } = session.add(chat(session, form.open));
  for (const part of [dashboard, burst, table, log]) session.add(part(session, form.open));
  session.add(timelineOf(session));
  session.add(trouble(session, ask, embedded));
  tabs(byId("request-tabs"));
  form.begin();
}

/** The timeline, which is loaded with the first request. */
function timelineOf(session) {
  let loaded;
  const load = async () => {
    const { timeline } = await import("./timeline.js");
    await timeline(session);
  };
  const failed = () => {
    loaded = undefined;
    byId("timeline-empty").textContent = "The timeline cannot be loaded. The table and the events are there.";
  };
  return { happened: () => (loaded ??= load().catch(failed)) };
}

/** What the server says of the provider that it started; nothing where the page is served by itself. */
async function embeddedProvider() {
  const { provider } = document.documentElement.dataset;
  if (provider === "none") return undefined;
  const response = await fetch("config.json");
  return response.ok ? response.json() : undefined;
}
