/// <reference lib="esnext.disposable" />
/**
 * One portable client for every OpenAI-compatible LLM API, with a pool of keys and a token bucket in
 * front of it. The same in browsers, Node, Deno, Bun and edge workers.
 *
 * All durations are numbers of seconds. Numbers above 10,000 are refused: they look like milliseconds.
 *
 * @packageDocumentation
 */

// ---------------------------------------------------------------- what is said

/** A message of a chat, as OpenAI's API has it. Fields that are not named here are passed on. */
export interface ChatMessage {
  /** Who speaks: `system`, `developer`, `user`, `assistant`, `tool`. */
  role: string;
  /** What is said: a text, or a list of parts (texts, images, audio, files). */
  content?: string | ReadonlyArray<ContentPart> | null;
  /** Who speaks, by name. */
  name?: string;
  /** The calls that the model asked for, of an `assistant`. */
  tool_calls?: ReadonlyArray<FunctionToolCall>;
  /** Which call this is the result of, of a `tool`. */
  tool_call_id?: string;
  /** Why the model declined to answer, of an `assistant`. */
  refusal?: string | null;
  /** The model's thinking, by the name that most providers give it. */
  reasoning_content?: string | null;
  /** The model's thinking, by the name that Groq and OpenRouter give it. */
  reasoning?: string | null;
}

/** A part of a message's content, such as `{ type: "text", text }` or `{ type: "image_url", image_url }`. */
export interface ContentPart {
  type: string;
  [field: string]: unknown;
}

/** The messages of a chat: those of this library, of the `openai` package, or with fields of your own. */
export type ChatMessages = ReadonlyArray<ChatMessage | MessageLike | (MessageLike & { [field: string]: unknown })>;

/** Any object with a role; what else it has is the provider's business. */
export interface MessageLike {
  role: string;
}

/** The options of one call. A call takes any other field of OpenAI's API as well, and passes it on as it is. */
export interface ChatOptions {
  /** The model that answers. Default: the client's. In a {@link Fallback} it is for the first target alone. */
  model?: string;
  /** How freely the model picks its words, as a rule from 0 to 2. Default: the provider's. */
  temperature?: number | null;
  /** The share of the likeliest words to pick from, up to 1. Default: the provider's. */
  top_p?: number | null;
  /** The most LLM tokens to answer with, by its older name. Default: the provider's. */
  max_tokens?: number | null;
  /** The most LLM tokens to answer with, reasoning included. Default: the provider's. */
  max_completion_tokens?: number | null;
  /** Where to stop. Default: nowhere. */
  stop?: string | ReadonlyArray<string> | null;
  /** Asks for the same answer to the same request. Default: none. */
  seed?: number | null;
  /** How many answers to choose from. Default: 1. */
  n?: number | null;
  /** The tools that the model may call. Default: none. */
  tools?: ReadonlyArray<object>;
  /** Whether the model must call a tool, and which. Default: the provider's. */
  tool_choice?: string | object;
  /** What form the answer must take. Default: text. */
  response_format?: object;
  /** How long the whole call may take, waits and retries included, in seconds. Default: the client's. */
  timeout?: number;
  /**
   * From sending a request to the response's headers, in seconds. Default: the client's for streams, none for a whole
   * answer, whose headers come when it is written.
   */
  headersTimeout?: number;
  /** Streams: from sending a request to the first visible token, in seconds. Default: the client's. */
  firstTokenTimeout?: number;
  /** Streams: the longest silence while somebody reads, in seconds. Default: the client's. */
  idleTimeout?: number;
  /** How often to try again after the first time. Default: the client's. */
  maxRetries?: number;
  /**
   * Which of the calls that wait goes on first: a whole number from -100 to 100; larger is earlier, each step worth 10
   * seconds of waiting, so that no call waits for ever. It is not sent to the provider. Default: 0.
   */
  priority?: number;
  /**
   * What becomes of a stream that breaks after its first visible token. `"fail"`: it ends with an error that holds the
   * partial text. `"restart"`: it is begun anew, on the next target of a {@link Fallback} or on the same; a chunk with
   * `restart` says so, and what came before it is void. Default: the {@link Fallback}'s, or `"fail"`.
   */
  onInterrupt?: OnInterrupt;
  /** Ends the call, whatever it is doing. The call rejects with the signal's reason. Default: none. */
  signal?: AbortSignal | null;
}

/** What becomes of a stream that breaks after its first visible token. */
export type OnInterrupt = "fail" | "restart";

// ---------------------------------------------------------------- what is answered

/** Who answered. */
export interface AnsweredBy {
  /** The provider, by its name in `provider.json`, or the `providerId`; empty for an object of your own that does not say. */
  provider: string;
  /** The model, by its name in `provider.json`, or as the call has named it. */
  model: string;
  /** The label of the key (`…abcd`), never the key. */
  keyLabel: string;
}

/** What an answer cost in LLM tokens. */
export interface Usage {
  /** LLM tokens of the request. */
  prompt_tokens: number;
  /** LLM tokens of the answer, its reasoning and tool calls included. */
  completion_tokens: number;
  /** Both together. */
  total_tokens: number;
  /** `true` where the provider reported nothing and these numbers are our estimate. */
  estimated?: true;
}

/** Why a choice ended. Providers have reasons of their own, too. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "function_call";

/** A call of a function that the model asks for. */
export interface FunctionToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** What a choice of a whole answer says. */
export interface AssistantMessage {
  role: "assistant";
  content: string | null;
  refusal: string | null;
  tool_calls?: FunctionToolCall[];
  /** The model's thinking, by the name that most providers give it. */
  reasoning_content?: string | null;
  /** The model's thinking, by the name that Groq and OpenRouter give it. */
  reasoning?: string | null;
}

/** One of the answers. */
export interface Choice {
  index: number;
  message: AssistantMessage;
  finish_reason: FinishReason;
  logprobs: null;
}

/**
 * The whole answer: the provider's own JSON object, typed as OpenAI's API has it. Providers that are less
 * exact leave fields out and add others.
 */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  created: number;
  model: string;
  choices: Choice[];
  /** What it cost; where the provider does not say, an estimate. */
  usage?: Usage;
  system_fingerprint?: string;
  /** Who answered. No field of the JSON: it does not show when the answer is written out or copied. */
  readonly answeredBy?: AnsweredBy;
}

/** A piece of a tool call. */
export interface ToolCallDelta {
  index: number;
  id?: string;
  type?: "function";
  function?: { name?: string; arguments?: string };
}

/** What a choice gained with a chunk. */
export interface Delta {
  role?: "developer" | "system" | "user" | "assistant" | "tool";
  content?: string | null;
  refusal?: string | null;
  tool_calls?: ToolCallDelta[];
  /** More thinking, by the name that most providers give it. */
  reasoning_content?: string | null;
  /** More thinking, by the name that Groq and OpenRouter give it. */
  reasoning?: string | null;
}

/** What one choice gained. */
export interface ChunkChoice {
  index: number;
  delta: Delta;
  finish_reason: FinishReason | null;
}

/** One chunk of a streamed answer: the provider's own JSON object, typed as OpenAI's API has it. */
export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  choices: ChunkChoice[];
  usage?: Usage | null;
  system_fingerprint?: string;
  /** Where the answer begins anew, so that what came before this chunk is void; only with `onInterrupt: "restart"`. */
  restart?: Restart;
}

/** What a chunk says with which an answer begins anew. */
export interface Restart {
  /** Who answers from here on: `provider/model`, or the number of the target. */
  target: string;
  /** Why the answer so far was given up. */
  reason: string;
}

// ---------------------------------------------------------------- who answers

/**
 * What can be talked to: an {@link OpenAICompatible}, or an object of your own. That must throw where an answer is cut:
 * a stream that just ends is taken for whole.
 */
export interface LLMInterface {
  /** Sends the messages and resolves to the whole answer. */
  chat<Options extends ChatOptions>(messages: ChatMessages, options?: Options): Promise<ChatCompletion>;
  /** Sends the messages, when the stream is first read, and yields the answer as it arrives. */
  chatStream<Options extends ChatOptions>(messages: ChatMessages, options?: Options): AsyncIterable<ChatCompletionChunk>;
  /** What is known of the model behind it, for a {@link Fallback} to go by. Default: nothing. */
  readonly modelInfo?: ModelInfo;
}

/** What is known of a model. */
export interface ModelInfo {
  /** Its provider's name. */
  provider?: string;
  /** Its name. */
  model?: string;
  /** Its context window in LLM tokens. */
  contextWindow?: number;
  /** How long a call of it may take where the call does not say, in seconds. */
  timeout?: number;
  /** The wait before it is asked the same once more, in seconds; it doubles each time. Default: 1. */
  retryDelay?: number;
}

/** The settings of a client that the configuration file has as well. */
export interface ClientSettings {
  /** The address of the API, to which `/chat/completions` is added. Default: by the `providerId`, where that is known. */
  baseUrl?: string;
  /** The model's name as the provider knows it. */
  model: string;
  /** How often a failed request is tried again after the first attempt. Default: 5. */
  maxRetries?: number;
  /** The wait before the first retry, in seconds; it doubles up to 60. Default: 1. */
  retryDelay?: number;
  /**
   * How many requests may start at once after a pause. Default: 10. Clients of one `baseUrl` and model share one bucket,
   * whose limits can't differ.
   */
  rateLimitCapacity?: number;
  /** How many requests may start per second in the long run. Default: 1. */
  rateLimitRefillRate?: number;
  /**
   * How many LLM tokens may be used per minute. Each request sets aside its input, estimated, and `max_tokens`, or else what
   * answers have cost of late (500 until one has come), until its usage is known: what is more is owed, what is less comes
   * back, and all of it where it fails. Default: any number.
   */
  rateLimitTokensPerMinute?: number;
  /**
   * Whose these limits are: of all keys together, or with `"key"` of each key for itself; `tokenBucket` and `tokenBudget` are
   * not used then, and stay full. Default: `"client"`.
   */
  rateLimitScope?: "client" | "key";
  /** How many requests of this client may be under way at once, streams to their end; others wait for their turn. Default: any number. */
  maxConcurrency?: number;
  /** How many requests may be under way at once on each key. Default: any number. */
  maxConcurrencyPerKey?: number;
  /** How long a call may take, waits and retries included, in seconds. Default: 600 for chat, none for streams. */
  timeout?: number;
  /** Streams: to the response's headers, in seconds. Default: 60. */
  headersTimeout?: number;
  /** Streams: to the first visible token, in seconds. Default: 120. */
  firstTokenTimeout?: number;
  /** Streams: the longest silence while somebody reads, in seconds. Default: 60. */
  idleTimeout?: number;
  /** Extra headers of every request. Default: none. */
  headers?: Readonly<Record<string, string>> | Headers;
  /** Extra query parameters of every request, such as Azure's `api-version`. Default: none. */
  query?: Readonly<Record<string, string | number | boolean>> | URLSearchParams;
  /** The header that carries the bare key, such as Azure's `api-key`. Default: `Authorization: Bearer`. */
  authHeader?: string;
  /** The model's context window in LLM tokens, for a {@link Fallback} to go by. Default: unknown. */
  contextWindow?: number;
  /** Whether keys may travel unencrypted, over plain http://, beyond this machine. Default: false. */
  allowHttp?: boolean;
  /** Streams: the largest single event that is accepted, in bytes. Default: 8,388,608. (A whole answer may have 67,108,864.) */
  maxEventBytes?: number;
  /** Streams: whether to pass over events that cannot be decoded, and their text. Default: false. */
  skipUndecodableEvents?: boolean;
}

/**
 * A state that processes share: a store that holds the bucket, the keys' rests and the requests in flight for all of
 * them. `lockkeeper/redis` and `lockkeeper/cloudflare` have some.
 */
export interface SharedState {
  /**
   * Sends a request, which is JSON, to what is kept at `place`, and resolves to its answer. All that belongs to one base
   * URL is at one place.
   */
  call(place: string, request: string): Promise<unknown>;
  /**
   * What holds while it does not answer. `"local-share"`: each process keeps an equal share of the limits on its own, of
   * as many parts as there were processes last. `"error"`: calls end with a {@link SharedStateError}. Default: `"local-share"`.
   */
  readonly onFailure?: "local-share" | "error";
  /** How long an answer may take, in seconds. Default: 1. */
  readonly timeout?: number;
  /** How long a crashed process's requests count as in flight, in seconds. Default: 30. */
  readonly leaseTtl?: number;
}

/** What the world is to a client. */
export interface HostOptions {
  /** The limits are kept together with other processes. Default: by this process alone. */
  sharedState?: SharedState;
  /** Sends the requests. Default: the global `fetch`, looked up for each request. */
  fetch?: (input: string, init: RequestInit) => Promise<Response>;
  /**
   * Whether keys for a service that is neither on this machine nor the page's own server may be used in a web
   * page, where everybody who opens it can read them. Default: false.
   */
  dangerouslyAllowBrowser?: boolean;
}

/** The options of {@link OpenAICompatible}'s constructor. */
export interface OpenAICompatibleOptions extends ClientSettings, HostOptions {
  /** The pool that its keys come from. One of this and `apiKeys` is needed. */
  apiKeyPool?: APIKeyPool;
  /**
   * Its keys, in place of a pool. Clients with the very same keys share a pool, others never do. Those in a list of
   * their own share one account. May be empty only for a server on this machine.
   */
  apiKeys?: string | KeyList;
  /** The provider's name, which pools are shared by. Default: the pool's, or `"default"`. */
  providerId?: string;
}

/** The options of {@link OpenAICompatible.loadFromJson}. */
export interface LoadOptions extends HostOptions {
  /** Where `"$NAME"` in keys and headers is looked up. Default: `process.env`, where there is one. */
  env?: Readonly<Record<string, string | undefined>> | ((name: string) => string | undefined);
}

/** Clients by provider and model: `providers.openai["gpt-4"]`. */
export type Providers = Record<string, Record<string, OpenAICompatible>>;

/** A client for one model of one OpenAI-compatible API, with its key pool and token bucket. */
export class OpenAICompatible implements LLMInterface {
  /**
   * Makes a client.
   *
   * @throws {@link ConfigError} with every problem of the options.
   */
  constructor(options: OpenAICompatibleOptions);

  /**
   * Loads the text of a `provider.json`, or the object that it holds.
   *
   * @throws {@link ConfigError} with every problem in it; nothing is half-loaded.
   */
  static loadFromJson(config: string | object, options?: LoadOptions): Providers;

  /**
   * Loads a `provider.json` from a file (Node, Deno, Bun) or a URL (browsers, workers).
   *
   * @throws {@link ConfigError} where it can't be read, or with every problem in it.
   */
  static loadFromJsonFile(path: string | URL, options?: LoadOptions): Promise<Providers>;

  /**
   * Sends the messages and resolves to the whole answer, the provider's own JSON object. Where that has no `usage`,
   * an estimate is added.
   *
   * @throws {@link LLMError}, or the signal's reason.
   */
  chat<Options extends ChatOptions>(messages: ChatMessages, options?: Options): Promise<ChatCompletion>;

  /** Sends the messages, when the stream is first read, and yields the answer as it arrives. */
  chatStream<Options extends ChatOptions>(messages: ChatMessages, options?: Options): ChatStream;

  /**
   * A drop-in for the global `fetch`, bound to this client: requests under its base URL go through the
   * pool, the bucket, the retries and the clocks, with a key of the pool in place of the caller's. Other URLs are refused.
   * A redirect is not followed: it comes back as a 502 that says so. Give it to an SDK as its `fetch`, and switch off the SDK's own retries (`maxRetries: 0`). What an answer costs is
   * counted where the answer says it; ask streams for `stream_options: { include_usage: true }`.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

  /** Its provider and model by their names in `provider.json`, and what else is known of the model. */
  readonly modelInfo: ModelInfo & { provider: string; model: string };
  /** The model that it asks by default. */
  readonly model: string;
  /** The address that it asks. */
  readonly baseUrl: string;
  /** LLM tokens sent so far, as reported or estimated. */
  readonly inputTokenCount: number;
  /** LLM tokens received so far, as reported or estimated. */
  readonly outputTokenCount: number;
  /** The pool that its keys come from. */
  readonly keyPool: APIKeyPool;
  /** The bucket that meters its requests. */
  readonly tokenBucket: TokenBucket;
  /** The budget of its LLM tokens, where `rateLimitTokensPerMinute` is set: less what requests under way have set aside. */
  readonly tokenBudget: TokenBucket | undefined;

  /** What it has done so far, and how its bucket and its keys are doing. */
  stats(): ClientStats;
  /** Its metrics as Prometheus scrapes them: {@link metricsText} of this one client. */
  metricsText(): string;

  /**
   * What it knows now: how full its bucket is, how its keys are doing, what it has counted. A plain object, to be kept
   * as JSON and taken up by another process, page or worker with {@link restore}. No key is in it.
   */
  snapshot(): Snapshot;
  /**
   * Takes up what a snapshot tells, less the time that has passed since. Nothing gets better by it: of two rests of a
   * key the later ends, the bucket is never fuller than it is, and of two counts the larger stands. What it tells of
   * keys that are not there any more is passed over.
   *
   * @throws {@link ConfigError}, and nothing is changed, for what is no snapshot, and one of another version or
   * model, of none of these keys, or of more than a day from now.
   */
  restore(snapshot: Snapshot): void;

  /** Calls `listener` at every such event from now on. Returns a function that ends this. */
  on<Name extends keyof ClientEvents>(event: Name, listener: (event: ClientEvents[Name]) => void): () => void;
  /** Ends what {@link on} began. */
  off<Name extends keyof ClientEvents>(event: Name, listener: (event: ClientEvents[Name]) => void): void;
}

/** The options of {@link Fallback}'s constructor. */
export interface FallbackOptions {
  /**
   * How long a call may take over all targets where it does not say, in seconds. Default: the `timeout` of the first
   * target, or else 600 for a whole answer and no limit for a stream.
   */
  timeout?: number;
  /** What becomes of a stream that breaks after its first visible token where the call does not say. Default: `"fail"`. */
  onInterrupt?: OnInterrupt;
}

/**
 * Several interfaces behind one. A call goes to the first, and on to the next when its retries are used up or it asks
 * to wait for more than 5 s; when it is silent (it is not tried again then); when its keys are all refused or out of
 * quota, or its model is not there; when its circuit breaker is open; and when the messages are too long for it (then
 * only to a model whose `contextWindow` is larger, or not declared). What the content policy rejects, a malformed request
 * and what the caller aborts goes nowhere else. One deadline spans it all: of the time that is left, each target may
 * take an equal share to begin its answer, the last one all of it.
 */
export class Fallback implements LLMInterface {
  /** @throws {@link ConfigError} with every problem of the arguments. */
  constructor(targets: ReadonlyArray<LLMInterface>, options?: FallbackOptions);
  /**
   * Sends the messages and resolves to the whole answer of the first target that gives one.
   *
   * @throws {@link LLMError} with every attempt at every target, or the signal's reason.
   */
  chat<Options extends ChatOptions>(messages: ChatMessages, options?: Options): Promise<ChatCompletion>;
  /** Sends the messages, when the stream is first read, and yields the answer of the first target that gives one. */
  chatStream<Options extends ChatOptions>(messages: ChatMessages, options?: Options): ChatStream;
  /** How its targets are doing, in order. */
  statuses(): TargetStatus[];
  /** What is known of the first target. */
  readonly modelInfo: ModelInfo;
}

/** How a target of a {@link Fallback} is doing. */
export interface TargetStatus {
  /** Its name: `provider/model`, or its number where it has none. */
  name: string;
  /**
   * Where its circuit breaker stands. It opens after five failures in a row, or when half of the last 10 to 20 attempts
   * have failed (5xx, broken connections, timeouts, cuts); after 5 to 10 s one call at a time tries whether it works again.
   */
  circuit: "closed" | "open" | "half_open";
}

/** What a client has done so far, and how its bucket and its keys are doing. */
export interface ClientStats {
  /** The provider's name. */
  provider: string;
  /** The model's name. */
  model: string;
  /** Calls made; a stream counts from when it is made, though it asks when it is first read. */
  calls: number;
  /** Calls answered. */
  succeeded: number;
  /** Calls that ended with an error. */
  failed: number;
  /** Calls aborted before their end. */
  cancelled: number;
  /** Attempts sent, over all calls. */
  attempts: number;
  /** Waits of calls: for a bucket token, a key, or the next retry. */
  waits: number;
  /** LLM tokens sent, as reported or estimated. */
  inputTokens: number;
  /** LLM tokens received, as reported or estimated. */
  outputTokens: number;
  /** The waits by what was waited for: a bucket token, a key that is ready, the next retry, room among the requests under way, LLM tokens of the budget. */
  waitsFor: { token: Waits; key: Waits; retry: Waits; concurrency: Waits; budget: Waits };
  /** The bucket of its model. */
  bucket: {
    /** The most bucket tokens that it holds. */
    capacity: number;
    /** Bucket tokens gained per second. */
    refillRate: number;
    /** Bucket tokens in it now. */
    tokens: number;
    /** How many wait for tokens now. */
    waiters: number;
    /** How many have had to wait so far, of all clients that share it. */
    waits: number;
  };
  /** Its keys, in the order in which they were added. A key that several clients use is counted for all of them. */
  keys: KeyStatus[];
}

/** How often something was waited for, and for how long. */
export interface Waits {
  /** Waits that have begun. */
  count: number;
  /** How long those took that have ended, all together, in seconds. */
  time: number;
}

/** How long something took, over all times that it was done, in seconds. The quantiles are within 10 % of the truth. */
export interface Quantiles {
  /** How often it was done. */
  count: number;
  /** How long it took, all times together. */
  sum: number;
  /** Half of the times took no longer. */
  p50: number;
  /** Of a hundred times, 95 took no longer. */
  p95: number;
  /** Of a hundred times, 99 took no longer. */
  p99: number;
}

/** What a client knew: see {@link OpenAICompatible.snapshot}. Its fields may grow; the version tells a change. */
export interface Snapshot {
  version: number;
  /** In seconds since 1970. */
  taken_at: number;
  model: string;
  [field: string]: unknown;
}

/** What happens to the calls of a client, by name. `call` numbers its calls from 0. */
export interface ClientEvents {
  /** A call waits. */
  wait: {
    call: number;
    /** What for. */
    for: "token" | "budget" | "key" | "concurrency" | "retry";
    /** For how long as a rule, in seconds; absent where nobody can say. */
    seconds?: number;
  };
  /** An attempt is sent. */
  attempt: { call: number; keyLabel: string; model: string };
  /** The headers of a response have come. */
  headers: { call: number; keyLabel: string; status: number; /** Since it was sent, in seconds. */ seconds: number };
  /** A stream has its first visible token. */
  firstToken: { call: number; keyLabel: string; /** Since it was sent, in seconds. */ seconds: number };
  /** An attempt has failed. */
  failure: Attempt & { call: number; /** How long the provider asks to wait, in seconds. */ retryAfter?: number };
  /** A call has ended. */
  end: {
    call: number;
    outcome: "succeeded" | "failed" | "cancelled";
    /** The key that answered, if one did. */
    keyLabel?: string;
  };
}

// ---------------------------------------------------------------- the answer as it arrives

/** Where a stream stands. It ends in exactly one of the last four. */
export type StreamState = "open" | "finished" | "truncated" | "cancelled" | "failed";

/**
 * A streamed answer, for its one reader. Nothing is sent before it is first read. Leaving the loop early, `abort()`,
 * and the end of a `using` block end the request and close its connection.
 */
export class ChatStream implements AsyncIterable<ChatCompletionChunk>, AsyncDisposable {
  private constructor();

  /** A stream over chunks of your own making, for {@link LLMInterface}s of your own. */
  static from(chunks: AsyncIterable<ChatCompletionChunk> | Iterable<ChatCompletionChunk>, messages?: ChatMessages): ChatStream;

  /** The chunks, the provider's own JSON objects. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ChatCompletionChunk>;
  /** The text of the first choice alone, piece by piece. Where the answer begins anew it throws: a text can't be taken back. */
  readonly textStream: AsyncIterableIterator<string>;
  /** Reads to the end and resolves to the first choice's text. */
  text(): Promise<string>;
  /** Reads to the end and resolves to the answer as `chat` would have given it. */
  result(): Promise<ChatCompletion>;
  /** What the answer cost, as reported or estimated, when the stream has ended; reads to the end if nobody has. */
  usage(): Promise<Usage>;
  /** What has arrived so far of the first choice. */
  readonly partial: Partial;
  /** Where the stream stands. */
  readonly state: StreamState;
  /** The label of the key that answers (`…abcd`), once one does. */
  readonly keyLabel: string | undefined;
  /** Who answers, once somebody does. */
  readonly answeredBy: AnsweredBy | undefined;

  /**
   * The answer as server-sent events, ready for a browser: `data: {chunk}` for each chunk, `data: [DONE]` at
   * the end. A failure ends it with `data: {"error": …}` and no `[DONE]`. With `onInterrupt: "restart"` whoever reads it
   * must know the chunk with `restart`, as this library does: to others both answers are one.
   */
  toReadableStream(): ReadableStream<Uint8Array>;
  /** The same as a response with the right headers, to be returned from an edge worker. */
  toResponse(init?: ResponseInit): Response;

  /** Ends the request. Whoever reads is told `reason` (default: an `AbortError`). */
  abort(reason?: unknown): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What had been received of an answer. */
export interface Partial {
  /** The text of the first choice so far. */
  text: string;
  /** The reasoning of the first choice so far. */
  reasoning: string;
}

// ---------------------------------------------------------------- the parts

/**
 * Keys. Those in a list of their own share one account at the provider, and with it its quota: what is learned of the
 * limit of one holds for all, and when one rests as it is limited or out of credit, all do.
 */
export type KeyList = ReadonlyArray<string | ReadonlyArray<string>>;

/** The options of {@link APIKeyPool}'s constructor. */
export interface APIKeyPoolOptions {
  /** The keys. Duplicates count once. Those in a list of their own share one account. */
  apiKeys: string | KeyList;
  /** The provider's name. */
  providerId: string;
  /** The address that the keys are for; they are sent to no other origin. Default: the known provider's, or that of the first client. */
  baseUrl?: string;
}

/**
 * The API keys of one provider. Each request takes the ready key with the fewest requests in flight. Pools of one
 * `providerId` and `baseUrl` are one pool: making it again adds the keys that are new.
 */
export class APIKeyPool {
  /** @throws {@link ConfigError} where there is no key, or one that no header can carry. */
  constructor(options: APIKeyPoolOptions);
  /** The id that the pool was made with. */
  readonly providerId: string;
  /** The address that the keys are for, once that is known. */
  readonly baseUrl: string;
  /** Requests under way on all keys together. */
  readonly inFlight: number;
  /** The key that the next request would use, or `undefined` while no key is ready. */
  getLeastLoadedKey(): string | undefined;
  /** Counts a request on a key, made outside the library. False if the pool does not know it. */
  incrementTaskCount(key: string): boolean;
  /** Ends such a request; the count never falls below 0. False if the pool does not know the key. */
  decrementTaskCount(key: string): boolean;
  /** Adds a key. One that rests or was refused is taken to be well again. */
  addKey(key: string): void;
  /** Adds keys that share one account. Of those that are there already it is said now. */
  addAccount(keys: ReadonlyArray<string>): void;
  /** Retires a key: no new work, and gone when its last request ends. False if the pool does not know it. */
  removeKey(key: string): boolean;
  /** Makes these the pool's keys: adds the new ones, retires the missing. */
  reload(keys: KeyList): void;
  /** A look at every key, in the order in which they were added. */
  statuses(): KeyStatus[];
}

/** How a key is doing. Keys are never shown: a label is `…abcd`. */
export interface KeyStatus {
  label: string;
  /** Where it shares its account with others, as declared or found out: the label of the first of them. */
  account?: string;
  /** `cooling`: rate limited, after a 429 or as its limit is used up for the moment. `exhausted`: out of quota or credit. `dead`: refused. */
  state: "ready" | "cooling" | "exhausted" | "dead";
  /** How long it still rests, in seconds; absent where it is ready or nobody knows. */
  restsFor?: number;
  /** Models that it may not use. */
  deniedModels: string[];
  /** Requests under way. */
  inFlight: number;
  /** Whether it was removed and only ends its last requests. */
  retiring: boolean;
  /** Attempts begun with it. */
  attempts: number;
  /** Attempts that were answered. */
  succeeded: number;
  /** Attempts that failed otherwise than by a limit. */
  failed: number;
  /** Attempts that were refused with a rate limit. */
  rateLimited: number;
  /** Attempts that were given up. */
  cancelled: number;
  /** Attempts that had to wait first. */
  waited: number;
  /** LLM tokens sent with it. */
  inputTokens: number;
  /** LLM tokens received with it. */
  outputTokens: number;
  /** How often attempts failed, by the error's kind: the rate-limited ones too. */
  failures: { [Kind in ErrorKind]?: number };
  /** How long the answered attempts took, from being sent to the end of the answer; absent where there were none. */
  latency?: Quantiles;
  /** How long streams took from being sent to their first visible token; absent where there were none. */
  firstToken?: Quantiles;
  /** What its headers or its 429s have shown of its limit: so many requests in so many seconds. */
  limit?: { requests: number; per: number };
}

/** The options of {@link TokenBucket}'s constructor. */
export interface TokenBucketOptions {
  /** The most tokens it holds, at least 1. */
  capacity: number;
  /** Tokens gained per second, above 0. */
  refillRate: number;
}

/**
 * A rate limiter: holds up to `capacity` bucket tokens, gains `refillRate` of them a second, and lets one request
 * start per token, first come, first served. It starts full.
 */
export class TokenBucket {
  /** @throws {@link ConfigError} where a number is out of range. */
  constructor(options: TokenBucketOptions);
  /** The tokens in it now. */
  readonly tokens: number;
  /** The most tokens it holds. */
  readonly capacity: number;
  /** Tokens gained per second. */
  readonly refillRate: number;
  /** How many callers wait. */
  readonly waiters: number;
  /**
   * Takes `amount` (default: 1) tokens when they are there and it is this caller's turn; a larger `priority` (default: 0)
   * comes earlier, as in {@link ChatOptions}.
   *
   * @throws {@link RateLimitError} with `retryAt`, at once, where the wait does not fit `timeout` (in seconds;
   * default: none); the signal's reason; {@link ConfigError} for more than `capacity`.
   */
  acquire(amount?: number, options?: { timeout?: number; priority?: number; signal?: AbortSignal | null }): Promise<void>;
  /** Takes `amount` (default: 1) tokens if they are there and nobody waits. */
  tryAcquire(amount?: number): boolean;
  /** Fills it. */
  reset(): void;
}

// ---------------------------------------------------------------- what goes wrong

/** What went wrong, for a `switch`. */
export type ErrorKind =
  | "config"
  | "invalid_request"
  | "authentication"
  | "permission_denied"
  | "not_found"
  | "rate_limited"
  | "quota_exhausted"
  | "context_length_exceeded"
  | "content_policy"
  | "server"
  | "connection"
  | "timeout"
  | "truncated"
  | "decode"
  | "redirect"
  | "circuit_open"
  | "shared_state"
  // Of `lockkeeper/functions` alone:
  | "invalid_answer"
  | "refused"
  | "step_limit";

/** One attempt of a call that failed. */
export interface Attempt {
  /** The target that was asked, `provider/model`, in the error of a {@link Fallback}. */
  target?: string;
  /** The label of the key that was used (`…abcd`), never the key. */
  keyLabel: string;
  /** How it ended. */
  kind: ErrorKind;
  /** The HTTP status, where there was one. */
  status?: number;
  /** What the provider or the host's `fetch` said. */
  message: string;
  /** From the start of the call to the start of this attempt, in seconds. */
  startedAfter: number;
  /** How long it took, in seconds. */
  took: number;
}

/** One problem of a configuration. */
export interface Problem {
  /** Where it stands, such as `openai.gpt-4.api_keys[0]`; empty for the whole. */
  path: string;
  /** Its line in the text, from 1; 0 where there is no text. */
  line: number;
  /** What is wrong, and what would be right. */
  message: string;
}

/** The error of every operation in this library. Its subclasses say what went wrong, as does `kind`. */
export class LLMError extends Error {
  constructor(message: string, details?: LLMErrorDetails);
  /** What went wrong. */
  readonly kind: ErrorKind;
  /** The HTTP status of the last answer. */
  readonly status: number | undefined;
  /** The provider's own error code (or type), such as `insufficient_quota`. */
  readonly code: string | undefined;
  /** The provider's request id, for its support. */
  readonly requestId: string | undefined;
  /** When the same call may succeed, where that is known. */
  readonly retryAt: Date | undefined;
  /** The label of the last key that was used (`…abcd`). */
  readonly keyLabel: string | undefined;
  /** Every failed attempt of the call, oldest first. */
  readonly attempts: ReadonlyArray<Attempt>;
  /** What had been received of a stream before it failed; absent where no answer had begun. */
  readonly partial: Partial | undefined;
  /** What the failed answer cost. */
  readonly usage: Usage | undefined;
}

/** What an {@link LLMError} can be made with. */
export interface LLMErrorDetails {
  kind?: ErrorKind;
  status?: number;
  code?: string;
  requestId?: string;
  retryAt?: Date;
  keyLabel?: string;
  attempts?: ReadonlyArray<Attempt>;
  partial?: Partial;
  usage?: Usage;
  cause?: unknown;
}

/** A setting or argument is wrong; nothing was sent. */
export class ConfigError extends LLMError {
  readonly kind: "config";
  /** Every problem found. */
  readonly problems: ReadonlyArray<Problem>;
}
/** The provider refused the request itself (400, 405, 413, 422 and other 4xx). */
export class InvalidRequestError extends LLMError {
  readonly kind: "invalid_request";
}
/** Every key is refused (401). */
export class AuthenticationError extends LLMError {
  readonly kind: "authentication";
}
/** Every key lacks the right to this model (403). */
export class PermissionDeniedError extends LLMError {
  readonly kind: "permission_denied";
}
/** The model or the URL does not exist (404). */
export class NotFoundError extends LLMError {
  readonly kind: "not_found";
}
/** Too many requests (429), or a wait that does not fit the timeout. */
export class RateLimitError extends LLMError {
  readonly kind: "rate_limited";
}
/** The account behind every key is out of credit or quota. */
export class QuotaExhaustedError extends LLMError {
  readonly kind: "quota_exhausted";
}
/** The messages are longer than the model's context window. */
export class ContextLengthError extends LLMError {
  readonly kind: "context_length_exceeded";
}
/** The provider's content policy rejected the request or the answer. */
export class ContentPolicyError extends LLMError {
  readonly kind: "content_policy";
}
/** The provider failed (5xx, 408, 409, 425, 529, or an error object inside a stream). */
export class ServerError extends LLMError {
  readonly kind: "server";
}
/**
 * No connection, or it broke before an answer had begun. Its `cause` is a copy of what `fetch` threw, with its name,
 * message and code, and those of its own cause; none where a key was in them.
 */
export class ConnectionError extends LLMError {
  readonly kind: "connection";
}
/** One of the clocks ran out. */
export class TimeoutError extends LLMError {
  readonly kind: "timeout";
  /** The setting whose clock that was. */
  readonly clock: "timeout" | "headersTimeout" | "firstTokenTimeout" | "idleTimeout" | undefined;
}
/** The answer was cut: it ended with neither a `finish_reason` nor `[DONE]`. */
export class TruncatedError extends LLMError {
  readonly kind: "truncated";
}
/** The answer cannot be decoded. */
export class DecodeError extends LLMError {
  readonly kind: "decode";
}
/** The provider answered with a redirect, which is never followed. */
export class RedirectError extends LLMError {
  readonly kind: "redirect";
}

/** Too much has failed there of late: nothing is sent for a while, in a {@link Fallback}. */
export class CircuitOpenError extends LLMError {
  readonly kind: "circuit_open";
}

/** The state that processes share does not answer, and without it nothing may be sent: see {@link SharedState.onFailure}. */
export class SharedStateError extends LLMError {
  readonly kind: "shared_state";
}

// ---------------------------------------------------------------- metrics

/**
 * The metrics of several clients in one text, as Prometheus scrapes it (exposition format 0.0.4, to be served as
 * `text/plain; version=0.0.4`). Clients of the same provider and model are told apart by a label `client`, from the
 * second on.
 */
export function metricsText(clients: Iterable<OpenAICompatible>): string;

// ---------------------------------------------------------------- the log

/** How much goes to the console. */
export type LogLevel = "off" | "warn" | "debug";

/** Sets how much goes to the console, for all clients. Keys never show. Default: `"off"`. */
export function setLogLevel(level: LogLevel): void;

/** A rough estimate of how many LLM tokens a text is. */
export function estimateTokens(text: string): number;
