// Runs other programs at the root of the checkout, and sees to it that none outlives us.

import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The root of the checkout: every command runs there, from wherever the script was called. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** A failure that a person can act on: its message is shown, its stack is not. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

const posix = process.platform !== "win32";
const children = new Set(); // that run now
let interruptedBy; // the first signal we were sent
let lastSignalAt = 0;

/** Sends a signal to a child and to all that it started. */
function signalGroup(child, signal) {
  try {
    if (posix) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // Nobody is left in the group: just what we want.
  }
}

function onSignal(signal) {
  // One Ctrl-C reaches us twice under npm: from the terminal, and once more from npm.
  const now = Date.now();
  if (now - lastSignalAt < 500) return;
  lastSignalAt = now;
  interruptedBy ??= signal;
  if (children.size > 0) children.forEach((child) => signalGroup(child, signal));
  else process.exit(128 + constants.signals[signal]);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => onSignal(signal));
process.on("exit", () => children.forEach((child) => signalGroup(child, "SIGKILL")));

/** The exit code that says which signal ended us, or undefined if none was sent. */
export function interruption() {
  return interruptedBy && 128 + constants.signals[interruptedBy];
}

/**
 * Runs a command to its end, with its output streamed, and gives back its exit code.
 * With `onLine`, each line of its standard output is handed over as well, or if `quiet` instead.
 */
export function run(command, { env = {}, stdin = "ignore", onLine, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: [stdin, onLine ? "pipe" : "inherit", "inherit"],
      // A group of its own, so that the whole tree can be ended: cargo passes no signal on.
      detached: posix,
    });
    children.add(child);
    let exitCode;
    child.on("error", (cause) => {
      children.delete(child);
      reject(new Failure(`${command[0]} cannot be run: ${cause.message}`, 127));
    });
    child.on("exit", (code, signal) => {
      exitCode = code ?? 128 + constants.signals[signal];
      // What it left behind would hold its output open, and us with it.
      if (posix) signalGroup(child, "SIGKILL");
    });
    child.on("close", () => {
      children.delete(child);
      resolve(exitCode);
    });
    if (onLine) passOn(child.stdout, onLine, quiet);
  });
}

/** Shows a stream as it comes, unless quiet, and hands it on line by line. */
function passOn(stream, onLine, quiet) {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text) => {
    if (!quiet) process.stdout.write(text);
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    lines.forEach(onLine);
  });
  stream.on("end", () => rest && onLine(rest));
}

/** The standard output of a short command, or undefined if it is not there or fails; its errors are kept quiet unless told. */
export function output(command, { stderr = "ignore" } = {}) {
  const { status, stdout } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", stderr],
    maxBuffer: 64 << 20,
  });
  return status === 0 ? stdout : undefined;
}

/** The output of a short command that has to succeed, and is shown. */
export function mustPrint(command) {
  console.log(`$ ${command.join(" ")}`);
  const text = output(command, { stderr: "inherit" });
  if (text === undefined) throw new Failure(`failed: ${command.join(" ")}`);
  return text;
}

/** Runs a script's main function; a failure is shown as a message, and sets the exit code. */
export async function main(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = error.exitCode ?? 1;
  }
}
