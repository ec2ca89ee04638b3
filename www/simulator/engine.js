// The simulator's engine, in a worker of its own.

let worker;
let last = 0;
const waiting = new Map();

/** What is wrong with a scenario, as the engine says it. */
export class Wrong extends Error {
  constructor(problems) {
    super(problems.map(({ path, message }) => `${path}: ${message}`).join("\n"));
    this.problems = problems;
  }
}

const ask = (task, scenario) =>
  new Promise((resolve, reject) => {
    worker ??= begin();
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ id: last, task, scenario });
  });

/** Plays a scenario: `{ report, took }`, with the seconds that it took. */
export const play = async (scenario) => {
  const { result, took } = await ask("simulate", scenario);
  return { report: result, took };
};

/** The scenario as it may be shared: with how many keys there are in place of the keys. */
export const withoutKeys = async (scenario) => (await ask("withoutKeys", scenario)).result;

/** Ends what is under way; nobody waits for it any more. */
export function stop() {
  if (waiting.size === 0) return;
  worker.terminate();
  worker = undefined;
  waiting.clear();
}

function begin() {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data: { id, problems, ...answer } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (problems) reject(new Wrong(problems));
    else resolve(answer);
  };
  worker.onerror = ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(`the simulator cannot be started: ${message ?? "?"}`));
    waiting.clear();
  };
  return worker;
}
