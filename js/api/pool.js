// The key pool.

import { Pool } from "lockkeeper-core";
import { callSite, configError, fields, optionErrorOf } from "./errors.js";

const STATUS = [
  ..."label state restsFor deniedModels inFlight retiring attempts succeeded failed rateLimited cancelled waited".split(" "),
  "inputTokens",
  "outputTokens",
];
const QUANTILES = ["count", "sum", "p50", "p95", "p99"];

/** The engine's pool of an APIKeyPool, for a client to own. */
export let coreOf;

export class APIKeyPool {
  static {
    coreOf = (pool) => pool.#core.share();
  }

  #core;

  constructor(options) {
    if (options instanceof Pool) {
      this.#core = options;
      return;
    }
    const site = callSite(APIKeyPool);
    const { apiKeys, providerId, baseUrl } = options ?? {};
    const problems = [];
    if (typeof providerId !== "string") problems.push(["providerId", "expected a string"]);
    if (baseUrl !== undefined && typeof baseUrl !== "string") problems.push(["baseUrl", "expected a string"]);
    const keys = listOfKeys(apiKeys, problems);
    if (problems.length) throw configError(problems, site);
    this.#core = told(site, () => new Pool(providerId, baseUrl, keys));
  }

  get providerId() {
    return this.#core.provider;
  }

  get baseUrl() {
    return this.#core.url;
  }

  get inFlight() {
    return this.#core.busy;
  }

  getLeastLoadedKey() {
    return this.#core.least();
  }

  incrementTaskCount(key) {
    return this.#core.adjust(String(key), true);
  }

  decrementTaskCount(key) {
    return this.#core.adjust(String(key), false);
  }

  addKey(key) {
    const site = callSite(this.addKey);
    if (typeof key !== "string") throw configError([["key", "expected a string"]], site);
    told(site, () => this.#core.add(key));
  }

  removeKey(key) {
    return this.#core.remove(String(key));
  }

  reload(keys) {
    const site = callSite(this.reload);
    const problems = [];
    const list = listOfKeys(keys, problems);
    if (problems.length) throw configError(problems, site);
    told(site, () => this.#core.reload(list));
  }

  statuses() {
    return this.#core.statuses().map(statusOf);
  }
}

/** The engine's list of what a key has done, as an object. */
export function statusOf(values) {
  const [failures, latency, firstToken, limit] = values.slice(STATUS.length);
  const status = { ...fields(STATUS, values), failures: {} };
  for (let at = 0; at < failures.length; at += 2) status.failures[failures[at]] = failures[at + 1];
  if (latency) status.latency = fields(QUANTILES, latency);
  if (firstToken) status.firstToken = fields(QUANTILES, firstToken);
  if (limit) status.limit = fields(["requests", "per"], limit);
  return status;
}

/** One key or several, as a list; what is wrong with it is added to the problems. */
export function listOfKeys(keys, problems) {
  const list = typeof keys === "string" ? [keys] : keys;
  if (Array.isArray(list) && list.every((key) => typeof key === "string")) return list;
  problems.push(["apiKeys", "expected a string or a list of strings"]);
  return [];
}

function told(site, act) {
  try {
    return act();
  } catch (thrown) {
    throw optionErrorOf(thrown, site);
  }
}
