// Configuration: what users write, as the text of a provider.json, which the engine checks.

import { camelCase, configError, fields, snakeCase } from "./errors.js";

/** A provider.json of one model, with these settings. */
export function textOf(provider, model, settings) {
  const entry = {};
  for (const [name, value] of Object.entries(settings)) {
    // What is no setting, the engine says.
    if (value !== undefined) entry[snakeCase(name)] = literal(value);
  }
  return JSON.stringify({ [provider]: { [model]: entry } });
}

/** In code nothing is read from the environment: a dollar is a dollar. */
function literal(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== "object" || value === null) return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, escaped(one)]));
}

const escaped = (value) => (typeof value === "string" && value.startsWith("$") ? `$${value}` : value);

/** The engine's problems with such a text, in the words of those who wrote options. */
export function optionErrorOf(thrown, provider, model, site) {
  if (!Array.isArray(thrown)) return thrown;
  const inWords = (text) => text.replace(/`([a-z]+(?:_[a-z]+)+)`/g, (_, name) => `\`${camelCase(name)}\``);
  const problems = thrown[9].map((values) => {
    const { path, message } = fields(["path", "line", "message"], values);
    const start = path.startsWith(provider) ? path.slice(provider.length) : path;
    const rest = start.replace(/^(\.[^.[\]]+|\["(?:[^"\\]|\\.)*"\])\.?/, "");
    return [rest.replace(/^[a-z_]+/, camelCase), inWords(message)];
  });
  return configError(problems, site);
}

/** Where `$NAME` is looked up. */
export function lookupIn(env) {
  if (typeof env === "function") return env;
  return (name) => {
    try {
      return (env ?? globalThis.process?.env)?.[name];
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
