// The connection: whom to talk to, with which keys, how fast. Nothing of it is stored.

import { byId } from "./dom.js";

const NUMBERS = ["rateLimitCapacity", "rateLimitRefillRate"];
const LOOPBACK = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const WARNING =
  "This service is not on this machine. The keys go there from your browser, and every script in this page " +
  "could read them: use keys that you can revoke. Connecting sets dangerouslyAllowBrowser.";

/** `connect` is handed a client's options; `embedded` are those of the embedded provider, if there is one. */
export function settings(connect, embedded) {
  const dialog = byId("settings");
  const form = byId("settings-form");
  const [warning, problem] = [byId("warning"), byId("settings-error")];
  let connected = embedded ?? { rateLimitCapacity: 10, rateLimitRefillRate: 1 };

  function fill(options) {
    for (const name of ["baseUrl", "model", ...NUMBERS]) form.elements[name].value = options[name] ?? "";
    form.elements.apiKeys.value = (options.apiKeys ?? []).join("\n");
    say(problem, "");
    warn();
  }

  function warn() {
    say(warning, isAbroad(form.elements.baseUrl.value) ? WARNING : "");
  }

  /** The options that the form says. */
  function read() {
    const text = (name) => form.elements[name].value.trim();
    const baseUrl = text("baseUrl");
    const isEmbedded = baseUrl === embedded?.baseUrl;
    const options = { ...(isEmbedded ? embedded : {}), baseUrl, model: text("model") };
    for (const name of NUMBERS) options[name] = Number(text(name));
    options.apiKeys = form.elements.apiKeys.value.split(/\s+/).filter(Boolean);
    // Each address has a pool of its own, whose keys go nowhere else.
    options.providerId = isEmbedded ? "embedded" : baseUrl;
    if (isAbroad(baseUrl)) options.dangerouslyAllowBrowser = true;
    return [options, isEmbedded];
  }

  /** Connects, or says what is wrong. */
  function apply() {
    try {
      const [options, isEmbedded] = read();
      connect(options, isEmbedded);
      connected = options;
      return true;
    } catch (error) {
      say(problem, error.message);
      return false;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (apply()) dialog.close();
  });
  form.elements.baseUrl.addEventListener("input", warn);
  byId("open-settings").addEventListener("click", () => {
    fill(connected);
    dialog.showModal();
  });
  byId("cancel-settings").addEventListener("click", () => dialog.close());
  const back = byId("embedded");
  back.hidden = !embedded;
  back.addEventListener("click", () => fill(embedded));

  return {
    /** Connects to the embedded provider, or asks whom to talk to. */
    begin() {
      fill(connected);
      if (!embedded || !apply()) dialog.showModal();
    },
  };
}

function say(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/** Whether an address is one of another machine. */
function isAbroad(baseUrl) {
  if (!URL.canParse(baseUrl)) return false;
  return !LOOPBACK.test(new URL(baseUrl).hostname);
}
