// The connection: whom to talk to, with which keys, how fast. Nothing of it is stored, and nothing stands in the URL.

import { byId } from "../dom.js";
import { tabs } from "../tabs.js";
import { fill, forget, read, say, warn } from "./fields.js";
import { clientOf, clientsOf } from "./session.js";

/** `connect` is handed clients by their names; `embedded` are the options for the embedded provider, if there is one. */
export function settings(connect, embedded) {
  const dialog = byId("settings");
  const form = byId("settings-form");
  let connected = embedded ?? { rateLimitCapacity: 10, rateLimitRefillRate: 1 };
  let way; // which of the tabs shows
  const choose = tabs(byId("settings-tabs"), (id) => (way = id));

  /** Connects, or says what is wrong. */
  function apply() {
    try {
      if (way === "settings-file") connect(clientsOf(form.elements.file.value));
      else {
        const options = read(form, embedded);
        connect(new Map([[options.model, clientOf(options)]]));
        connected = options;
      }
      return true;
    } catch (error) {
      say(byId("settings-error"), error.message);
      return false;
    }
  }

  function open() {
    fill(form, connected);
    choose(way ?? "settings-fields");
    dialog.showModal();
  }

  function chooseEmbedded() {
    choose("settings-fields");
    fill(form, embedded);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (apply()) dialog.close();
  });
  form.elements.baseUrl.addEventListener("input", () => warn(form));
  byId("open-settings").addEventListener("click", open);
  byId("cancel-settings").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => forget(form));
  byId("embedded").hidden = !embedded;
  byId("embedded").addEventListener("click", chooseEmbedded);

  /** Connects to the embedded provider, if there is one. */
  function begin() {
    if (!embedded) return;
    chooseEmbedded();
    if (apply()) forget(form);
    else dialog.showModal();
  }
  return { open, begin };
}
