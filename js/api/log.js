// The log: events on the console, for those who want them. Keys show as labels, messages are redacted before.

import { configError } from "./errors.js";

const LEVELS = ["off", "warn", "debug"];
let level = "off";
const clients = new Set(); // weak references: to be logged keeps no client alive

/** Sets how much goes to the console, for all clients. */
export function setLogLevel(wanted) {
  if (!LEVELS.includes(wanted)) throw configError([["level", `expected one of ${LEVELS.join(", ")}`]]);
  level = wanted;
  for (const reference of clients) {
    const client = reference.deref();
    if (client) client.listen();
    else clients.delete(reference);
  }
}

/** Tells this client's `listen` whenever the level changes. */
export const logs = (client) => void clients.add(globalThis.WeakRef ? new WeakRef(client) : { deref: () => client });

export const isLogging = () => level !== "off";

/** Writes an event down. */
export function log(name, event) {
  if (name === "failure") console.warn("lockkeeper:", name, event);
  else if (level === "debug") console.debug("lockkeeper:", name, event);
}
