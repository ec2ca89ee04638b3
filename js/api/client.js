// The client for any OpenAI-compatible API.

import { Client, client, load } from "lockkeeper-core";
import { TokenBucket } from "./bucket.js";
import { jsonOf, lookupIn, pathInEntry, problemOfPage, textOf } from "./config.js";
import { callSite, configError, errorOf, fields, optionErrorOf } from "./errors.js";
import { Events } from "./events.js";
import { Fallback } from "./fallback.js";
import { fetchThrough } from "./forward.js";
import { hosted } from "./host.js";
import { metricsText } from "./metrics.js";
import { APIKeyPool, coreOf, listOfKeys, statusOf } from "./pool.js";
import { requestOf } from "./request.js";
import { attributed, ROUTE } from "./route.js";
import { sharingOf } from "./shared-state.js";
import { ChatStream, EngineChunks, Reading, Unasked } from "./stream.js";
import { runUntil } from "./task.js";
import { estimated, reported } from "./usage.js";

const STATS = ["calls", "succeeded", "failed", "cancelled", "attempts", "waits", "inputTokens", "outputTokens"];
const BUCKET = ["capacity", "refillRate", "tokens", "waiters", "waits"];
/** Stands where a file has the name of an entry. */
const MADE_IN_CODE = "client";
const INFO = ["provider", "model", "contextWindow", "timeout", "retryDelay"];
/** Stands where the pool's own keys will be. */
const OF_THE_POOL = ["of-the-pool"];

export class OpenAICompatible {
  #core;
  #model;
  #info;
  #events;
  #pool;
  #bucket;
  #budget;
  #fallback;
  fetch;

  constructor(options) {
    this.#core = options instanceof Client ? options : made(options, callSite(OpenAICompatible));
    this.#pool = options instanceof Client ? undefined : options.apiKeyPool;
    this.#model = this.#core.model;
    const info = fields(INFO, this.#core.info());
    this.#info = info.model === MADE_IN_CODE ? { ...info, model: this.#model } : info;
    this.#events = new Events(this.#core);
    this.fetch = fetchThrough(this.#core);
  }

  static loadFromJson(config, settings) {
    const site = callSite(this.loadFromJson);
    const options = settings ?? {};
    const problems = problemOfFetch(options.fetch);
    const sharing = sharingOf(options.sharedState, problems);
    const text = typeof config === "string" ? config : jsonOf(config, problems);
    if (typeof text !== "string") problems.push(["", "expected the text of a provider.json, or its object"]);
    if (problems.length) throw configError(problems, site);
    const providers = Object.create(null); // a provider may be called `constructor`
    try {
      const byName = new Map();
      for (const [provider, name, core, fallbacks] of load(text, lookupIn(options.env), options.fetch, sharing)) {
        problems.push(...problemsInPage(core, options).map(([path, message]) => [`${provider}.${name}: ${path}`, message]));
        const client = ((providers[provider] ??= Object.create(null))[name] = new OpenAICompatible(core));
        byName.set(`${provider}/${name}`, { client, fallbacks });
      }
      for (const { client, fallbacks } of byName.values()) {
        const others = fallbacks.map((name) => byName.get(name).client);
        if (others.length) client.#fallback = new Fallback([client, ...others].map((one) => one.#alone()));
      }
    } catch (thrown) {
      throw errorOf(thrown, site);
    }
    if (problems.length) throw configError(problems, site);
    return providers;
  }

  static async loadFromJsonFile(path, options) {
    const site = callSite(this.loadFromJsonFile);
    // Not to be repeated in an error, since there are keys in it.
    if (/^\s*[[{]/.test(path)) throw configError([["", "expected the path of a file, found JSON: loadFromJson() takes that"]], site);
    let text;
    try {
      text = await hosted.readText(path);
    } catch (error) {
      throw configError([["", `can't read ${path}: ${error.message}`]], site, error);
    }
    return this.loadFromJson(text, options);
  }

  async chat(messages, options) {
    if (this.#fallback) return this.#fallback.chat(messages, options);
    return this.#chat(messages, options, options?.[ROUTE]?.site ?? callSite(this.chat));
  }

  async #chat(messages, options, site) {
    const { text, own, choices: n, terms } = requestOf(messages, options, this.model, false, site);
    const task = this.#core.chat(text, own, n, terms);
    const [{ json }, cost] = await runUntil(task, options?.signal, site);
    const { usage, choices } = json;
    const known = usage ? reported(usage) : (json.usage = estimated(messages, choices.map(({ message }) => message)));
    const key = cost.count(known.prompt_tokens, known.completion_tokens);
    return attributed(json, this.#answeredBy(key, options));
  }

  chatStream(messages, options) {
    const restarts = options?.onInterrupt === "restart" && !options[ROUTE]; // a fallback begins it anew itself
    const fallback = this.#fallback ?? (restarts ? new Fallback([this]) : undefined);
    if (fallback) return fallback.chatStream(messages, options);
    return this.#chatStream(messages, options, options?.[ROUTE]?.site ?? callSite(this.chatStream));
  }

  #chatStream(messages, options, site) {
    try {
      const { text, own, choices, mayAskUsage, terms } = requestOf(messages, options, this.model, true, site);
      const core = this.#core.stream(text, own, choices, mayAskUsage, terms);
      const chunks = new EngineChunks(core, site, (key) => this.#answeredBy(key, options));
      return new ChatStream(new Reading(chunks, messages, options?.signal));
    } catch (error) {
      return new ChatStream(new Reading(new Unasked(error), messages));
    }
  }

  get modelInfo() {
    return { ...this.#info };
  }

  /** It keeps the clocks of a call, and knows what a fallback tells it. */
  get [ROUTE]() {
    return true;
  }

  /** The same client without those who answer where it does not. */
  #alone() {
    const site = (options) => options[ROUTE].site;
    return {
      chat: (messages, options) => this.#chat(messages, options, site(options)),
      chatStream: (messages, options) => this.#chatStream(messages, options, site(options)),
      modelInfo: this.modelInfo,
      [ROUTE]: true,
    };
  }

  #answeredBy(keyLabel, options) {
    const { provider, model } = this.#info;
    return { provider, model: typeof options?.model === "string" ? options.model : model, keyLabel };
  }

  get model() {
    return this.#model;
  }

  get baseUrl() {
    return this.#core.url;
  }

  get inputTokenCount() {
    return this.stats().inputTokens;
  }

  get outputTokenCount() {
    return this.stats().outputTokens;
  }

  get keyPool() {
    return (this.#pool ??= new APIKeyPool(this.#core.pool));
  }

  get tokenBucket() {
    return (this.#bucket ??= new TokenBucket(this.#core.bucket));
  }

  get tokenBudget() {
    const core = this.#budget ? undefined : this.#core.budget;
    if (core) this.#budget = new TokenBucket(core);
    return this.#budget;
  }

  stats() {
    const { provider, model } = this.#info;
    const [counts, waits, bucket, keys] = this.#core.stats();
    const [token, key, retry, concurrency, budget] = [0, 2, 4, 6, 8].map((at) => ({ count: waits[at], time: waits[at + 1] }));
    const state = { waitsFor: { token, key, retry, concurrency, budget }, bucket: fields(BUCKET, bucket), keys: keys.map(statusOf) };
    return { provider, model, ...fields(STATS, counts), ...state };
  }

  metricsText() {
    return metricsText([this]);
  }

  snapshot() {
    return JSON.parse(this.#core.snapshot());
  }

  restore(snapshot) {
    const site = callSite(this.restore);
    const problems = [];
    const text = jsonOf(snapshot, problems) ?? "";
    if (problems.length) throw configError(problems, site);
    try {
      this.#core.restore(text);
    } catch (thrown) {
      throw errorOf(thrown, site);
    }
  }

  on(event, listener) {
    return this.#events.on(event, listener);
  }

  off(event, listener) {
    this.#events.off(event, listener);
  }
}

const problemOfFetch = (fetch) => (fetch === undefined || typeof fetch === "function" ? [] : [["fetch", "expected a function"]]);

const problemsInPage = (core, options) => problemOfPage(core.url, core.pool.least() === undefined ? 0 : 1, options);

/** The engine's client with these options. */
function made(options, site) {
  const { apiKeyPool, apiKeys, providerId, fetch, sharedState, dangerouslyAllowBrowser, ...settings } = options ?? {};
  const problems = [];
  const pool = apiKeyPool instanceof APIKeyPool ? apiKeyPool : undefined;
  if (apiKeyPool !== undefined && !pool) problems.push(["apiKeyPool", "expected an APIKeyPool"]);
  if (apiKeyPool === undefined && apiKeys === undefined) problems.push(["apiKeyPool", "is missing, and so is `apiKeys`: one of them is needed"]);
  if (typeof settings.model !== "string" || settings.model === "") problems.push(["model", "expected the model's name"]);
  problems.push(...problemOfFetch(fetch));
  const sharing = sharingOf(sharedState, problems);
  const keys = apiKeys === undefined ? [] : listOfKeys(apiKeys, problems);
  if (problems.length) throw configError(problems, site);
  const provider = providerId ?? pool?.providerId ?? "default";
  if (pool && settings.baseUrl === undefined && pool.baseUrl !== "") settings.baseUrl = pool.baseUrl;
  const text = textOf(provider, MADE_IN_CODE, { ...settings, apiKeys: pool ? OF_THE_POOL : keys }, problems);
  if (problems.length) throw configError(problems, site);
  let core;
  try {
    core = client(text, pool && coreOf(pool), fetch, sharing);
  } catch (thrown) {
    throw optionErrorOf(thrown, site, pathInEntry);
  }
  const inPage = problemsInPage(core, { dangerouslyAllowBrowser });
  if (inPage.length) throw configError(inPage, site);
  if (pool) keys.forEach((key) => (Array.isArray(key) ? pool.addAccount(key) : pool.addKey(key)));
  return core;
}
