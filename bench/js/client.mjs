// A process that measures one contender: `node client.mjs <contender>`. Does what its parent tells it, and says what
// that took; see run.mjs.

import { contenders } from "./contenders.mjs";

const [name, url] = process.argv.slice(2);
const started = await contenders[name](url);

/** What something costs in microseconds of this process's CPU time. */
async function cpu(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const works = {
  /** Per request, so many at once. */
  async requests({ count, atOnce }) {
    let left = count;
    const caller = async () => {
      while (left-- > 0) if ((await started.chat("answer")).length === 0) throw new Error("an empty answer");
    };
    return (await cpu(() => Promise.all(Array.from({ length: atOnce }, caller)))) / count;
  },

  /** Per chunk. */
  async stream({ model, chunks }) {
    let seen = 0;
    const took = await cpu(() => started.stream(model, () => (seen += 1)));
    if (seen < chunks) throw new Error(`${seen} chunks of ${chunks}`);
    return took / chunks;
  },

  /** Bytes of memory that each of so many open streams adds. */
  async idle({ count }) {
    await one(started);
    globalThis.gc();
    const before = process.memoryUsage.rss();
    await Promise.all(Array.from({ length: count }, () => one(started)));
    globalThis.gc();
    return (process.memoryUsage.rss() - before) / count;
  },
};

/** Opens a stream, and resolves when its first chunk is there. */
const one = ({ stream }) => new Promise((resolve, reject) => stream("idle", resolve).catch(reject));

process.on("message", async ({ work, ...settings }) => process.send(await works[work](settings).catch(({ stack }) => ({ stack }))));
process.send("ready");
