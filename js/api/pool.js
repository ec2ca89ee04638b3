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
    this.#core = told(site, () => new Pool(providerId, baseUrl, keys.flat()));
    this.#join(keys, site);
  }

  /** Those that stand in a list of their own share an account. */
  #join(keys, site) {
    keys.filter(Array.isArray).forEach((account) => told(site, () => this.#core.share_account(account)));
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

  addAccount(keys) {
    const site = callSite(this.addAccount);
    const problems = [];
    const account = listOfKeys([isKey(keys) ? [keys] : keys], problems);
    if (problems.length) throw configError(problems, site);
    this.#join(account, site);
  }

  removeKey(key) {
    return this.#core.remove(String(key));
  }

  reload(keys) {
    const site = callSite(this.reload);
    const problems = [];
    const list = listOfKeys(keys, problems);
    if (problems.length) throw configError(problems, site);
    told(site, () => this.#core.reload(list.flat()));
    this.#join(list, site);
  }

  statuses() {
    return this.#core.statuses().map(statusOf);
  }
}

/** The engine's list of what a key has done, as an object. */
export function statusOf(values) {
  const [failures, latency, firstToken, limit, account] = values.slice(STATUS.length);
  const status = { ...fields(STATUS, values), failures: {} };
  for (let at = 0; at < failures.length; at += 2) status.failures[failures[at]] = failures[at + 1];
  if (latency) status.latency = fields(QUANTILES, latency);
  if (firstToken) status.firstToken = fields(QUANTILES, firstToken);
  if (limit) status.limit = fields(["requests", "per"], limit);
  if (account) status.account = account;
  return status;
}

const isKey = (key) => typeof key === "string";

/** One key or several, or lists of those that share an account; what is wrong with them is added to the problems. */
export function listOfKeys(keys, problems) {
  const list = isKey(keys) ? [keys] : keys;
  const isFit = (key) => isKey(key) || (Array.isArray(key) && key.length > 0 && key.every(isKey));
  if (Array.isArray(list) && list.every(isFit)) return list;
  problems.push(["apiKeys", "expected a string, or a list of strings and of lists of them"]);
  return [];
}

function told(site, act) {
  try {
    return act();
  } catch (thrown) {
    throw optionErrorOf(thrown, site);
  }
}
