// Makes the calls of a row, and says what the caller saw. Runs in Node and in pages: what comes back is plain data.

const QUESTION = [{ role: "user", content: "Which way to the lock?" }];

/** Longer than any row takes. */
const HUNG = 30;

/** Asks, so many `times`, the client of a `provider.json` whose model is `model`, by "chat" or "stream". */
export async function call(lockkeeper, { config, model, backup, times, way, options }) {
  const began = performance.now();
  const outcomes = [];
  let clients = [];
  try {
    const providers = lockkeeper.OpenAICompatible.loadFromJson(config);
    clients = [providers[model][model], providers[backup]?.[backup]];
    for (let n = 0; n < times; n += 1) outcomes.push(noted(await orHung(ask(clients[0], way, options)), backup));
  } catch (error) {
    outcomes.push({ error: told(error, lockkeeper.LLMError) });
  }
  const took = (performance.now() - began) / 1000;
  const counted = clients.map((llm) => llm?.outputTokenCount ?? 0);
  return { outcomes, took, counted, inFlight: clients.reduce((sum, llm) => sum + (llm?.keyPool.inFlight ?? 0), 0) };
}

const ask = (llm, way, options) => (way === "chat" ? llm.chat(QUESTION, options) : llm.chatStream(QUESTION, options).result());

function orHung(answer) {
  let timer;
  const hung = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it hangs")), HUNG * 1000);
  });
  return Promise.race([answer, hung]).finally(() => clearTimeout(timer));
}

/** What the table has to say of an answer. */
function noted({ choices, usage, answeredBy }, backup) {
  return { answer: choices[0].message.content, tokens: usage.completion_tokens, by: answeredBy?.model === backup ? "backup" : "primary" };
}

/** What the table has to say of an error. */
function told(error, LLMError) {
  const { kind, clock, status, code, message, stack } = error;
  const retryIn = error.retryAt && (error.retryAt.getTime() - Date.now()) / 1000;
  const everything = [message, stack, JSON.stringify(error), String(error.cause)].join();
  const showsKey = everything.includes("sk-fault-table");
  return { typed: error instanceof LLMError, kind, clock, status, code, message, partial: error.partial?.text ?? "", retryIn, showsKey, attempts: error.attempts?.length };
}
