// Configuration: what users write, as the text of a provider.json, which the engine checks.

import { snakeCase } from "./errors.js";

/** A provider.json of one model, with these settings. */
export function textOf(provider, model, settings, problems) {
  const entry = {};
  for (const [name, value] of Object.entries(settings)) {
    // What is no setting, the engine says.
    if (value !== undefined) entry[snakeCase(name)] = literal(value);
  }
  return jsonOf({ [provider]: { [model]: entry } }, problems);
}

/** The JSON of a value; where it has none, that is a problem. */
export function jsonOf(value, problems) {
  try {
    return JSON.stringify(value, (name, one) => {
      if (typeof one === "function" || typeof one === "symbol") throw new TypeError(`\`${name}\` is a ${typeof one}`);
      return one;
    });
  } catch (error) {
    problems.push(["", error.message]);
    return "{}";
  }
}

/** In code nothing is read from the environment: a dollar is a dollar. */
function literal(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value?.entries === "function") return literal(Object.fromEntries(value)); // Headers, a Map, URLSearchParams
  if (typeof value !== "object" || value === null) return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, escaped(one)]));
}

const escaped = (value) =>
  Array.isArray(value) ? value.map(escaped) : typeof value === "string" && value.startsWith("$") ? `$${value}` : value;

/** A problem's path in such a text without the provider and the model, however they are written. */
export const pathInEntry = (path) => path.replace(/^(?:\.?[^.[\]"]+|\["(?:[^"\\]|\\.)*"\]){2}\.?/, "");

/** Where `$NAME` is looked up. */
export function lookupIn(env) {
  if (typeof env === "function") return env;
  return (name) => {
    try {
      const value = (env ?? globalThis.process?.env)?.[name];
      return typeof value === "string" ? value : undefined; // objects have more names than those one gave
    } catch {
      return undefined; // Deno was not allowed to
    }
  };
}

/** The problem of real keys in a page, where everybody who opens it can read them. */
export function problemOfPage(baseUrl, keys, { dangerouslyAllowBrowser }) {
  const inPage = typeof window !== "undefined" && typeof window.document !== "undefined";
  if (!inPage || dangerouslyAllowBrowser || keys === 0) return [];
  const { hostname, origin } = new URL(baseUrl);
  if (origin === window.location?.origin) return []; // the page's own server is no secret to it
  if (/^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return [];
  return [
    [
      "dangerouslyAllowBrowser",
      `is not set: everybody who opens this page could read the keys for ${hostname}. Let a server of yours hold them, or set it if the keys are the user's own`,
    ],
  ];
}
