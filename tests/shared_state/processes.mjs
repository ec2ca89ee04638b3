// Processes that share their limits, native and in Node.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const baseUrl = process.env.LOCKKEEPER_TEST_BASE_URL;
const PROGRAMS = {
  native: (plan) => [process.env.LOCKKEEPER_TEST_WORKER, plan],
  node: (plan) => [process.execPath, "tests/shared_state/worker.mjs", plan],
};
const KEYS = ["sk-shared-test-0001", "sk-shared-test-0002", "sk-shared-test-0003"];

let models = 0;

/** A model's name of one's own: its bucket is nobody else's. */
export const newModel = () => `shared-${process.pid}-${(models += 1)}`;

class Worker {
  /** How its calls went, by the word that it says. */
  said = {};

  constructor(kind, plan) {
    this.name = plan.name;
    const [program, ...args] = PROGRAMS[kind](JSON.stringify(plan));
    this.process = spawn(program, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
    this.ended = once(this.process, "exit");
    this.lines = createInterface(this.process.stdout);
    this.isReady = once(this.lines, "line");
    this.lines.on("line", (word) => (this.said[word] = (this.said[word] ?? 0) + 1));
  }

  begin() {
    this.process.stdin.write("go\n");
  }
}

/** Two native processes and two in Node, ready to begin, over one server or those of a cluster; they end with the test. */
export async function fourWorkers(t, redis, plan) {
  const common = { redis: [redis].flat().map(({ url }) => url), baseUrl, keys: KEYS, onFailure: "local-share", leaseTtl: 30, timeout: 1, ...plan };
  const kinds = ["native", "node", "native", "node"];
  const workers = kinds.map((kind, place) => new Worker(kind, { name: `${kind}-${place}`, ...common }));
  t.after(() => workers.forEach(({ process }) => process.kill("SIGKILL")));
  await Promise.all(workers.map((worker) => worker.isReady));
  return workers;
}
