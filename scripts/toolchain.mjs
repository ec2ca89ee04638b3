// Finds what the build needs, and installs what is missing: the pinned Rust, its components, cargo-deny and more.
// What can be neither found nor installed is a failure that says what to do, never a silent skip.

import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { Failure, output, root, run } from "./run.mjs";

export const WASM = "wasm32-unknown-unknown";
const CARGO_DENY = "0.20"; // deny.toml is written for this one
const CARGO_FUZZ = "0.13.2";
const CARGO_PUBLIC_API = "0.52.0"; // reads what the pinned rustdoc writes; another Rust may need another one

export const cargoHome = process.env.CARGO_HOME || join(homedir(), ".cargo");
// rustup extends the PATH of login shells only.
process.env.PATH = [process.env.PATH, join(cargoHome, "bin")].filter(Boolean).join(delimiter);
// Else a mere `rustc --version` downloads a whole toolchain, without a word.
process.env.RUSTUP_AUTO_INSTALL = "0";

const pinned = /^channel\s*=\s*"(.+)"/m.exec(readFileSync(join(root, "rust-toolchain.toml"), "utf8"))[1];

const rust = {
  name: `Rust ${pinned} or newer`,
  isThere: () => atLeast(/^rustc (\S+)/.exec(output(["rustc", "--version"]))?.[1], pinned) && output(["cargo", "--version"]),
  rustup: ["toolchain", "install", pinned, "--profile", "minimal", "-c", "rustfmt", "-c", "clippy", "--no-self-update"],
};

const component = (name, subcommand) => ({
  name,
  isThere: () => output(["cargo", subcommand, "--version"]),
  rustup: ["component", "add", name],
});

const wasm = {
  name: `the target ${WASM}`,
  isThere: () => existsSync((output(["rustc", "--print", "target-libdir", "--target", WASM]) ?? "").trim()),
  rustup: ["target", "add", WASM],
};

const standardLibrary = {
  name: "the source of the standard library",
  isThere: () => existsSync(join((output(["rustc", "--print", "sysroot"]) ?? "").trim(), "lib/rustlib/src/rust/library/std")),
  rustup: ["component", "add", "rust-src"],
};

const nightly = {
  name: "a nightly Rust",
  isThere: () => output(["cargo", "+nightly", "--version"]),
  rustup: ["toolchain", "install", "nightly", "--profile", "minimal", "--no-self-update"],
};

/** Whether a version such as "1.95.0" or "1.97.0-nightly" is as new as another. */
function atLeast(found, wanted) {
  if (!found) return false;
  const [a, b] = [found, wanted].map((version) => version.split(/[.-]/).map(Number));
  const i = [0, 1, 2].find((i) => a[i] !== b[i]);
  return i === undefined || a[i] > b[i];
}

/** Makes sure of one thing that rustup can install. */
async function ensure(need) {
  if (need.isThere()) return;
  const remedy = `rustup ${need.rustup.join(" ")}`;
  if (!output(["rustup", "--version"])) {
    throw new Failure(
      `${need.name} is missing, and rustup, which could install it, is not there.\n` +
        "Install rustup as described at https://rustup.rs (one command), then run this again.",
    );
  }
  console.log(`${need.name} is missing: ${remedy}`);
  const code = await run(["rustup", ...need.rustup]);
  if (code !== 0 || !need.isThere()) {
    throw new Failure(`${need.name} could not be installed. Install it by hand, then run this again:\n  ${remedy}`);
  }
}

/** rustc links with the C compiler, and the TLS library is partly written in C. */
function ensureCCompiler() {
  if (process.platform === "win32") return; // rustup sees to the MSVC build tools there
  const compiler = process.env.CC || "cc";
  if (output([...compiler.split(" "), "--version"])) return;
  throw new Failure(
    `The C compiler \`${compiler}\` is missing: Rust links with it and the TLS library needs it. Install it:\n` +
      "  Debian, Ubuntu  sudo apt-get install build-essential\n" +
      "  Fedora          sudo dnf install gcc\n" +
      "  Alpine          sudo apk add build-base\n" +
      "  macOS           xcode-select --install",
  );
}

/** What it takes to build and run the library. */
export async function ensureCompiler() {
  await ensure(rust);
  ensureCCompiler();
  console.log(output(["rustc", "--version"]).trim());
}

/** What it takes to build the standard library along. */
export const ensureStandardLibrary = () => ensure(standardLibrary);

/** What it takes to build with sanitizers. */
export const ensureNightly = () => ensure(nightly);

/** What it takes to check it as well. */
export async function ensureChecks() {
  await ensureCompiler();
  for (const need of [component("rustfmt", "fmt"), component("clippy", "clippy"), wasm]) await ensure(need);
}

// Tools that take minutes to build are shared by all clones.
const cache = process.env.LOCKKEEPER_TOOLS || join(homedir(), ".cache", "lockkeeper-tools");

/** The path of a program of a crate at a version, built into the cache where it is found nowhere. */
export async function cargoTool({ name, crate, version, flags }) {
  const matches = (path) => output([path, "--version"])?.startsWith(`${name} ${version}`);
  const found = () => [join(cache, "bin", name), name].find(matches);
  if (!found()) {
    const install = ["cargo", "install", crate, "--version", version, ...flags, "--root", cache];
    console.log(`${name} ${version} is missing: ${install.join(" ")}`);
    await run(install);
  }
  const path = found();
  if (path) return path;
  throw new Failure(`${name} ${version} could not be installed. Put one on the PATH, then run this again.`);
}

/** The path of cargo-deny. */
export const cargoDeny = () => cargoTool({ name: "cargo-deny", crate: "cargo-deny", version: CARGO_DENY, flags: ["--locked"] });

/** The path of cargo-fuzz. */
export const cargoFuzz = () => cargoTool({ name: "cargo-fuzz", crate: "cargo-fuzz", version: CARGO_FUZZ, flags: ["--locked"] });

/** The path of cargo-public-api. */
export const cargoPublicApi = () =>
  cargoTool({ name: "cargo-public-api", crate: "cargo-public-api", version: CARGO_PUBLIC_API, flags: ["--locked"] });

/** The version of a crate that the lock file names: some programs must be of the very same. */
function lockedVersion(crate) {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  return new RegExp(`name = "${crate}"\\r?\\nversion = "(.+)"`).exec(lock)[1];
}

/** A program of wasm-bindgen-cli. */
async function wasmBindgenTool(name) {
  // Its lock file does not build everywhere, so it takes what is newest.
  return cargoTool({ name, crate: "wasm-bindgen-cli", version: lockedVersion("wasm-bindgen"), flags: [] });
}

/** The path of the program that runs wasm tests. */
export const wasmTestRunner = () => wasmBindgenTool("wasm-bindgen-test-runner");

/** The path of the program that binds a wasm module to JavaScript. */
export const wasmBindgen = () => wasmBindgenTool("wasm-bindgen");

/** The path of the program that runs benches under callgrind; it has little to do itself, so it may be built fast. */
export const gungraunRunner = () =>
  cargoTool({ name: "gungraun-runner", crate: "gungraun-runner", version: lockedVersion("gungraun"), flags: ["--locked", "--debug"] });

/** Makes sure of callgrind. */
export const ensureValgrind = () =>
  ensureFromDebian("Valgrind", () => output(["valgrind", "--version"]), ["valgrind"], "a package of the same name");

/** Makes sure of a Redis to be started. */
export const ensureRedis = () =>
  ensureFromDebian("Redis", () => output(["redis-server", "--version"]), ["redis-server"], "a redis-server on the PATH");

/** Makes sure of a Python, whose parser reads the Python in the pages. */
export const ensurePython = () => ensureFromDebian("Python 3", () => output(["python3", "--version"]), ["python3"], "a python3 on the PATH");

/** Makes sure of the packages of package-lock.json. */
export async function npmPackages() {
  const lock = createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  const stamp = join(root, "node_modules", ".lockkeeper");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  // What is linked is somebody else's, and `npm ci` would empty it.
  if (lstatSync(join(root, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink()) unlinkSync(join(root, "node_modules"));
  // No package's script is needed, and some of them download.
  const install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  console.log(`node_modules is missing or out of date: ${install.join(" ")}`);
  const code = await run(process.platform === "win32" ? ["cmd", "/c", ...install] : install);
  if (code !== 0) throw new Failure(`The packages of package-lock.json could not be installed. Run this again, or by hand:\n  ${install.join(" ")}`);
  writeFileSync(stamp, lock);
}

/** The path of a program of an installed npm package, for node to run. */
export function npmProgram(name, program = name) {
  const folder = join(root, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[program]);
}

/** Makes sure of what Debian has packages of; `others` says what those do who have another system. */
export async function ensureFromDebian(name, isThere, packages, others) {
  if (!isThere() && output(["apt-get", "--version"]) && process.getuid?.() === 0) {
    console.log(`${name} is missing: apt-get install ${packages.join(" ")}`);
    await run(["apt-get", "update", "-q"]);
    await run(["apt-get", "install", "-q", "-y", "--no-install-recommends", ...packages], { env: { DEBIAN_FRONTEND: "noninteractive" } });
  }
  if (isThere()) return;
  throw new Failure(`${name} is needed for these tests. Install:\n  Debian  sudo apt-get install ${packages.join(" ")}\n  others  ${others}`);
}
