// What every runtime does with the package, against the embedded provider. Runs wherever JavaScript does: no imports.
//
// `scenario({ ...lockkeeper, functions, simulator }, { baseUrl, configFile })` resolves to `[{ name, problem }]`, without problems where all is well.

const KEYS = { LOCKKEEPER_KEY_1: "sk-package-test-0001", LOCKKEEPER_KEY_2: "sk-package-test-0002" };

export async function scenario(lockkeeper, { baseUrl, configFile }) {
  const unhandled = watchRejections();
  const results = [];
  // Where nothing may be compiled there is no simulator. It comes first: Deno 2.9 does not always end once a module of
  // this size, be it a mere string, has been loaded and its functions are first called late, or never.
  const checks = lockkeeper.simulator ? { ...SIMULATOR, ...CHECKS } : CHECKS;
  for (const [name, check] of Object.entries(checks)) {
    results.push({ name, problem: await problemOf(() => check(lockkeeper, { baseUrl, configFile, name })) });
  }
  await pause(50);
  const problem = unhandled.length ? unhandled.map(String).join("; ") : undefined;
  results.push({ name: "leaves no rejection unhandled", problem });
  return results;
}

const CHECKS = {
  async "loads a configuration"(lockkeeper, { baseUrl }) {
    const { OpenAICompatible, ConfigError, LLMError } = lockkeeper;
    const config = configuration(baseUrl, "loaded", "gpt-4");
    const providers = OpenAICompatible.loadFromJson(JSON.stringify(config), { env: KEYS });
    equal(providers.loaded["gpt-4"].model, "gpt-4");
    equal(providers.loaded["gpt-4"].baseUrl, baseUrl);
    OpenAICompatible.loadFromJson(config, { env: (name) => KEYS[name] });
    const error = await rejection(async () => OpenAICompatible.loadFromJson(config, { env: {} }));
    ok(error instanceof ConfigError && error instanceof LLMError, `${error}`);
    ok(error.problems.length >= 1, "no problems");
  },

  async "loads a configuration file"({ OpenAICompatible }, { configFile }) {
    const providers = await OpenAICompatible.loadFromJsonFile(configFile, { env: KEYS });
    ok(providers.file["gpt-4"] instanceof OpenAICompatible, "no client");
  },

  async "chats"(lockkeeper, context) {
    const llm = client(lockkeeper, context, `gpt-4 ${context.name}`);
    const answer = await llm.chat(hello(context.name), { temperature: 0.5 });
    equal(answer.object, "chat.completion");
    ok(answer.choices[0].message.content.length > 10, "no text");
    ok(answer.usage.completion_tokens > 0, "no usage");
  },

  async "streams"(lockkeeper, context) {
    const llm = client(lockkeeper, context, `gpt-4 ${context.name}`);
    let [text, chunks] = ["", 0];
    for await (const chunk of llm.chatStream(hello(context.name))) {
      equal(chunk.object, "chat.completion.chunk");
      text += chunk.choices[0]?.delta.content ?? "";
      chunks++;
    }
    ok(chunks > 3 && text.length > 10, `${chunks} chunks, "${text}"`);
    equal(await llm.chatStream(hello(context.name)).text(), text);
  },

  async "aborts while a chunk is awaited"(lockkeeper, context) {
    const llm = client(lockkeeper, context, "fault-stall-3");
    const [controller, reason, mark] = [new AbortController(), new Error("enough"), unique(context.name)];
    const stream = llm.chatStream(hello(mark), { signal: controller.signal });
    const chunks = stream[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) ok(!(await chunks.next()).done, "ended early");
    const pending = rejection(() => chunks.next());
    await pause(50);
    equal(llm.keyPool.inFlight, 1);
    controller.abort(reason);
    ok((await pending) === reason, `rejected with ${await pending}`);
    equal(llm.keyPool.inFlight, 0);
    await closes(context.baseUrl, mark, 500);
    equal(stream.state, "cancelled");
  },

  async "goes on to another key"(lockkeeper, context) {
    const llm = client(lockkeeper, context, "fault-once-429", { maxRetries: 0 });
    const mark = unique(context.name);
    ok((await llm.chat(hello(mark))).choices.length > 0, "no answer");
    const keys = (await requests(context.baseUrl, mark)).map((request) => request.key_label);
    ok(keys.length === 2 && keys[0] !== keys[1], `keys: ${keys}`);
  },

  async "throws typed errors"(lockkeeper, context) {
    const { AuthenticationError, LLMError } = lockkeeper;
    const llm = client(lockkeeper, context, "fault-401");
    const error = await rejection(() => llm.chat(hello(context.name)));
    ok(error instanceof AuthenticationError && error instanceof LLMError && error instanceof Error, `${error}`);
    equal(error.name, "AuthenticationError");
    equal(error.kind, "authentication");
    equal(error.status, 401);
    equal(error.code, "invalid_api_key");
    equal(error.attempts.map((attempt) => attempt.status).join(), "401,401");
    equal(error.attempts[0].keyLabel, "\u20260001");
    ok(!JSON.stringify([error.message, error.attempts, error.stack]).includes(KEYS.LOCKKEEPER_KEY_1), "shows a key");
  },

  async "falls back"(lockkeeper, context) {
    const well = client(lockkeeper, { ...context, name: `${context.name}: backup` }, `gpt-4 ${context.name}`);
    for (const fault of ["fault-503", "fault-cut-3", "fault-silence"]) {
      const options = { maxRetries: 0, headersTimeout: 0.3 };
      const llm = new lockkeeper.Fallback([client(lockkeeper, context, fault, options), well], { timeout: 5, onInterrupt: "restart" });
      const stream = llm.chatStream(hello(context.name));
      ok((await stream.text()).length > 10, fault);
      equal(stream.answeredBy.model, well.model);
      const controller = new AbortController();
      const reason = new Error("enough");
      const call = rejection(() => llm.chatStream(hello(context.name), { signal: controller.signal }).text());
      controller.abort(reason);
      ok((await call) === reason, `rejected with ${await call}`);
    }
    const llm = new lockkeeper.Fallback([client(lockkeeper, context, "fault-402"), well]);
    equal((await llm.chat(hello(context.name))).answeredBy.model, well.model);
  },

  async "carries out typed functions"(lockkeeper, context) {
    const { llmFunction, LLMFunctionError } = lockkeeper.functions;
    const llm = client(lockkeeper, context, `gpt-4 ${context.name}`);
    const parameters = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
    const returns = { type: "object", properties: { name: { type: "string" }, ages: { type: "array", items: { type: "integer" } } }, required: ["name", "ages"] };
    const describe = llmFunction({ llm, description: "Describe {text}.", parameters, returns });
    const stream = describe.stream({ text: context.name });
    let partials = 0;
    for await (const partial of stream) partials += Object.keys(partial).length;
    const { name, ages } = await stream.value;
    ok(partials > 2 && typeof name === "string" && Number.isInteger(ages[0]), `${partials} partials, ${name}, ${ages}`);
    equal((await describe({ text: context.name })).name, name);
    const error = await rejection(() => describe({ text: context.name }, { model: "fault-401" }));
    ok(error instanceof LLMFunctionError && error instanceof lockkeeper.LLMError, `${error}: two copies of LLMError`);
    ok(error.cause instanceof lockkeeper.AuthenticationError && error.trace.length === 1, `${error.cause}`);
  },

  async "counts"(lockkeeper, context) {
    const llm = client(lockkeeper, context, `gpt-4 ${context.name}`);
    await llm.chat(hello(context.name));
    await llm.chatStream(hello(context.name)).text();
    const { calls, succeeded, failed, cancelled, attempts, inputTokens, outputTokens } = llm.stats();
    equal([calls, succeeded, failed, cancelled, attempts].join(), "2,2,0,0,2");
    ok(inputTokens > 0 && outputTokens > 0, "no LLM tokens");
    equal(llm.keyPool.inFlight, 0);
  },
};

/** What `provider.json` says of one model. */
export function configuration(baseUrl, provider, model) {
  return { [provider]: { [model]: { base_url: baseUrl, api_keys: Object.keys(KEYS).map((name) => `$${name}`) } } };
}

/** A client with a pool of its own; the models differ, too, as one bucket serves one model. */
function client({ OpenAICompatible }, { baseUrl, name }, model, options) {
  const apiKeys = Object.values(KEYS);
  return new OpenAICompatible({ providerId: name, baseUrl, model, apiKeys, retryDelay: 0.02, rateLimitCapacity: 50, ...options });
}

const hello = (text) => [{ role: "user", content: `Hello: ${text}` }];
const unique = (text) => `${text} ${Math.random()}`;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What the provider has logged of the requests that say `mark`. */
async function requests(baseUrl, mark) {
  const log = await (await fetch(new URL("/_control/log", baseUrl))).json();
  return log.requests.filter((request) => JSON.stringify(request.body).includes(mark));
}

/** Waits until the provider has seen the connection close. */
async function closes(baseUrl, mark, milliseconds) {
  const start = Date.now();
  for (;;) {
    const [request] = await requests(baseUrl, mark);
    if (request.finished === "client_closed") return;
    ok(Date.now() - start < milliseconds, `the provider sees the connection as ${request.finished}`);
    await pause(10);
  }
}

function watchRejections() {
  const seen = [];
  if (globalThis.process?.on) process.on("unhandledRejection", (reason) => seen.push(reason));
  else globalThis.addEventListener?.("unhandledrejection", (event) => seen.push(event.reason));
  return seen;
}

const SIMULATOR = {
  async "simulates"({ simulator }) {
    const provider = { openai: { "gpt-4": { api_keys: ["sk-package-test-0001", "sk-package-test-0002"], rate_limit_capacity: 1000 } } };
    const scenario = { provider, traffic: { shape: "at_once", calls: 100 }, limits: { requests: 5 } };
    const report = simulator.simulate(scenario);
    equal(report.succeeded, 100);
    ok(report.makespan >= report.optimum && report.makespan < 1.2 * report.optimum, `${report.makespan} s, at best ${report.optimum}`);
    equal(JSON.stringify(simulator.simulate(scenario)), JSON.stringify(report));
    ok(!JSON.stringify([report, simulator.withoutKeys(scenario)]).includes("sk-package"), "a key shows");
    const error = await rejection(async () => simulator.simulate({ provider, traffic: { rate: 0 }, faults: { cut: 2 } }));
    ok(error instanceof simulator.ScenarioError, `${error}`);
    equal(error.problems.map(({ path }) => path).join(), "faults,faults.cut,traffic.rate");
  },
};

async function problemOf(check) {
  let timer;
  const hangs = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("hangs")), 15_000)));
  try {
    await Promise.race([check(), hangs]);
  } catch (error) {
    return `${error?.stack ?? error}`;
  } finally {
    clearTimeout(timer);
  }
}

async function rejection(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("no error was thrown");
}

function ok(value, message) {
  if (!value) throw new Error(message);
}

function equal(left, right) {
  ok(Object.is(left, right), `${JSON.stringify(left)} is not ${JSON.stringify(right)}`);
}
