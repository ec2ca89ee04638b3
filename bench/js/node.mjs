// The works in Node: a process for each contender, which take turns.

import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startServer } from "./server.mjs";

const path = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Measures each of these so often, in turn: a list of rounds. `afresh`: each time in a process that is new. */
export async function inNode(names, rounds, settings, { warmUps = 0, afresh = false, flags = [] }) {
  const server = await startServer();
  const start = async (name) => {
    const child = fork(path("client.mjs"), [name, server.url], { execArgv: flags });
    await once(child, "message");
    return child;
  };
  const ask = async (child) => {
    child.send(settings);
    const [answer] = await once(child, "message");
    if (typeof answer !== "number") throw new Error(answer.stack);
    return answer;
  };
  const once_ = async (name) => {
    const child = await start(name);
    try {
      return await ask(child);
    } finally {
      child.kill();
    }
  };
  const children = [];
  try {
    if (!afresh) for (const name of names) children.push(await start(name));
    for (let i = 0; i < warmUps; i++) for (const child of children) await ask(child);
    const taken = [];
    for (let i = 0; i < rounds; i++) {
      const round = [];
      for (let j = 0; j < names.length; j++) round.push(await (afresh ? once_(names[j]) : ask(children[j])));
      taken.push(round);
    }
    return taken;
  } finally {
    children.forEach((child) => child.kill());
    server.stop();
  }
}

/** Imports each package so often in a new process, until a client of it could ask. */
export async function startsInNode(names, rounds) {
  const start = (name) => Number(execFileSync(process.execPath, [path("start.mjs"), name], { encoding: "utf8" }));
  return Array.from({ length: rounds }, () => names.map(start));
}
