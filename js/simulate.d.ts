/**
 * What would come of it: an hour of traffic against a made-up provider, in under a second.
 *
 * The client is the real one, with its pool, bucket, retries and learned limits; only time and the provider
 * are not. The same scenario gives the same report, here and in Rust (`lockkeeper::testing::simulate`). It
 * runs where it is called and returns when it is done: in a page, call it in a `Worker`. It needs leave to
 * compile WebAssembly, which Cloudflare's workers do not have.
 *
 * ```js
 * import { simulate } from "lockkeeper/simulate";
 *
 * const report = simulate({
 *   provider: { openai: { "gpt-4": { api_keys: 4, rate_limit_capacity: 1000 } } },
 *   traffic: { shape: "at_once", calls: 200 },
 *   limits: { requests: 5 }, // of each key, in a second
 * });
 * console.log(report.makespan, report.optimum, report.waits.total.p95);
 * ```
 *
 * @throws {ScenarioError} with every mistake in the scenario.
 */
export function simulate(scenario: Scenario): Report;

/**
 * The scenario, complete with its defaults and with how many keys there are in place of the keys: to be
 * shown, kept or shared.
 *
 * @throws {ScenarioError} where it cannot be read.
 */
export function withoutKeys(scenario: Scenario): Scenario;

/** A scenario that cannot be played. */
export class ScenarioError extends Error {
  /** Everything that is wrong with it; `path` is such as `traffic.rate`, and empty for the whole. */
  readonly problems: { path: string; message: string }[];
}

/** What to simulate. Durations are seconds. */
export interface Scenario {
  /**
   * The content of a `provider.json`. Keys in it are of no use and leave no trace: `api_keys` may be how many
   * there are.
   */
  provider: Record<string, unknown>;
  /** Which entry of `provider` is called, as `provider/model`; alone, without its fallbacks. Default: the first by name. */
  model?: string;
  /** How long calls come in. Default: 3600. */
  duration?: number;
  /** What is left to chance comes out the same for the same seed. Default: 1. */
  seed?: number;
  traffic?: Traffic;
  service?: Service;
  limits?: Limits;
  faults?: Faults;
}

/** The calls, and when they come. */
export interface Traffic {
  /**
   * One by one, evenly (`constant`) or each without regard to the others (`poisson`), by `rate`; or `calls`
   * together, again and again (`burst`) or once (`at_once`). Default: `constant`.
   */
  shape?: "constant" | "poisson" | "burst" | "at_once";
  /** Calls per second. Default: 10. */
  rate?: number;
  /** How many come together. Default: 100. */
  calls?: number;
  /** From burst to burst. Default: 60. */
  every?: number;
  /** What each call sends, in LLM tokens. Default: 500. */
  input_tokens?: number;
  /** What each answer has, in LLM tokens. Default: 100. */
  output_tokens?: number;
  /** Whether the answers are streamed. Default: true. */
  stream?: boolean;
}

/** How the provider answers. */
export interface Service {
  /** From a request to the first LLM token of its answer. Default: 0.5. */
  latency?: number;
  /** How fast the rest is written. Default: 100. */
  tokens_per_second?: number;
}

/** Limits of the provider that the client is not told of beforehand. */
export interface Limits {
  /** Whose they are. Default: `key`, of each. */
  scope?: "key" | "account";
  /** So many requests are granted `per` so long. Default: any number. */
  requests?: number | null;
  /** Default: 1. */
  per?: number;
  /** By a token bucket that refills continuously, or in windows that follow each other. Default: `bucket`. */
  counting?: "bucket" | "window";
  /** The most requests that a bucket grants at once. Default: `requests`. */
  capacity?: number | null;
  /** So many LLM tokens, counted by a bucket that holds those of a minute. Default: any number. */
  tokens_per_minute?: number | null;
  /** What the provider says of it: `x-ratelimit-*` headers, when to come back, both or nothing. Default: `all`. */
  tells?: "all" | "headers" | "retry_after" | "nothing";
}

/** What goes wrong: of all requests the share, 0 to 1, that meets with each fault. Default: none. */
export interface Faults {
  /** Is refused, though no limit is reached. */
  "429"?: number;
  /** Fails. */
  "500"?: number;
  /** Fails. */
  "503"?: number;
  /** Is never answered. */
  silence?: number;
  /** Is answered by half: then the connection breaks. */
  cut?: number;
  /** So many keys are refused from the start, with 401: the last ones. */
  dead_keys?: number;
}

/** What came of a simulation. Times are seconds; rates are per second. */
export interface Report {
  /** The entry that was called, as `provider/model`. */
  model: string;
  calls: number;
  succeeded: number;
  failed: number;
  /** Calls that failed, by the `kind` of their error. */
  failures: Record<string, number>;
  /** Requests sent, retries included. */
  requests: number;
  /** Requests that were refused with 429. */
  refused: number;
  /** Requests by what became of them: a status, `cut` or `silence`. */
  outcomes: Record<string, number>;
  /** When the last call ended. */
  makespan: number;
  /**
   * When it could have ended at best, by somebody who knew the provider's limits beforehand: the greatest of
   * `a + (n − C) / R` over every moment `a` from which `n` calls come, where the working keys together grant
   * `C` requests at once and `R` per second, and the time of one answer.
   */
  optimum: number;
  /** How long each call would have waited then, first come, first served. */
  optimum_waits: Spread;
  /** Calls answered per second, up to the makespan. */
  throughput: number;
  /** How long each call waited, by what for. A call that has not waited counts with 0. */
  waits: { total: Spread; bucket: Spread; key: Spread; retry: Spread; concurrency: Spread; budget: Spread };
  /** How long each answered call took. */
  latency: Spread;
  /** Streams: from each call to its first visible LLM token. */
  first_token: Spread;
  keys: { label: string; requests: number; answered: number; refused: number }[];
  /** How evenly requests are spread over the keys that work: Jain's index, 1 where all have the same. */
  balance: number;
  /** Lists of the same length, of at most 402 points in time; what is not a rate is as of that moment. */
  series: {
    time: number[];
    /** Bucket tokens. */
    bucket: number[];
    /** Requests under way. */
    in_flight: number[];
    /** Calls that wait. */
    queue: number[];
    /** Calls answered per second since the point before. */
    answered: number[];
    /** Requests sent per second since the point before. */
    sent: number[];
    /** Requests refused with 429 per second since the point before. */
    refused: number[];
  };
}

/** How values are spread: what so many percent of them are no more than. */
export interface Spread {
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}
