// Makes one call as a row has it, and says what the caller saw. Runs in Node and in pages: what comes back is plain data.

const QUESTION = [{ role: "user", content: "Which way to the lock?" }];

/** Longer than any row takes. */
const HUNG = 30;

/** Asks the client of a `provider.json`, whose one model is `model`, by "chat" or "stream". */
export async function call({ OpenAICompatible, LLMError }, { config, model, way, options }) {
  const began = performance.now();
  let llm;
  let seen;
  try {
    llm = OpenAICompatible.loadFromJson(config)[model][model];
    seen = { answer: await orHung(ask(llm, way, options)) };
  } catch (error) {
    seen = { error: told(error, LLMError) };
  }
  return { ...seen, took: (performance.now() - began) / 1000, inFlight: llm?.keyPool.inFlight ?? 0 };
}

async function ask(llm, way, options) {
  if (way === "stream") return llm.chatStream(QUESTION, options).text();
  return (await llm.chat(QUESTION, options)).choices[0].message.content;
}

function orHung(answer) {
  let timer;
  const hung = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it hangs")), HUNG * 1000);
  });
  return Promise.race([answer, hung]).finally(() => clearTimeout(timer));
}

/** What the table has to say of an error. */
function told(error, LLMError) {
  const { kind, clock, status, code, message, stack } = error;
  const retryIn = error.retryAt && (error.retryAt.getTime() - Date.now()) / 1000;
  const everything = [message, stack, JSON.stringify(error), String(error.cause)].join();
  const showsKey = everything.includes("sk-fault-table");
  return { typed: error instanceof LLMError, kind, clock, status, code, message, partial: error.partial?.text ?? "", retryIn, showsKey, attempts: error.attempts?.length };
}
