// The fields of the connection: options as somebody reads and writes them.

import { byId } from "../dom.js";

const NUMBERS = ["rateLimitCapacity", "rateLimitRefillRate"];
const LOOPBACK = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const WARNING =
  "This service is not on this machine. The keys go there from your browser, and every script in this page " +
  "could read them: use keys that you can revoke. Connecting sets dangerouslyAllowBrowser.";

/** Writes the options into the form. */
export function fill({ elements }, options) {
  for (const name of ["baseUrl", "model", ...NUMBERS]) elements[name].value = options[name] ?? "";
  elements.apiKeys.value = (options.apiKeys ?? []).join("\n");
  say(byId("settings-error"), "");
  warn({ elements });
}

/** The options that the form says; `embedded` are those for the embedded provider, if there is one. */
export function read({ elements }, embedded) {
  const text = (name) => elements[name].value.trim();
  const baseUrl = text("baseUrl");
  const isEmbedded = baseUrl === embedded?.baseUrl;
  const options = { ...(isEmbedded ? embedded : {}), baseUrl, model: text("model") };
  for (const name of NUMBERS) options[name] = Number(text(name));
  options.apiKeys = elements.apiKeys.value.split(/\s+/).filter(Boolean);
  // Each address has a pool of its own, whose keys go nowhere else.
  options.providerId = isEmbedded ? "embedded" : baseUrl;
  if (isAbroad(baseUrl)) options.dangerouslyAllowBrowser = true;
  return options;
}

/** Keys stand in the form only while somebody looks at it. */
export function forget({ elements }) {
  for (const name of ["apiKeys", "file"]) elements[name].value = "";
}

/** Warns of services on other machines. */
export function warn({ elements }) {
  say(byId("warning"), isAbroad(elements.baseUrl.value) ? WARNING : "");
}

export function say(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/** Whether an address is one of another machine. */
function isAbroad(baseUrl) {
  if (!URL.canParse(baseUrl)) return false;
  return !LOOPBACK.test(new URL(baseUrl).hostname);
}
