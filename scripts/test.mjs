// `npm test` runs what every change must pass; `npm run test:all` (--all) adds what is long or rarely breaks.
//
// LOCKKEEPER_TESTED, set to the closing line of an `npm test` that just passed on this very tree,
// makes `--all` run the additional steps only, and add those counts to its own: .ci/run does so.

import { readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { checkApi } from "./api.mjs";
import { checkArchives, testArchives } from "./archives.mjs";
import { chromedriver, firefox, wasmPack, webKit } from "./browsers.mjs";
import { build, targetDirectory } from "./build.mjs";
import { checkBareDependencies } from "./checks.mjs";
import { fuzz } from "./fuzz.mjs";
import { checkInstructions } from "./instructions.mjs";
import { Failure, main, root, run } from "./run.mjs";
import { checkSize } from "./size.mjs";
import { readClosingLine, runCommand, runSteps } from "./steps.mjs";
import { cargoDeny, ensureChecks, ensureRedis, WASM, wasmTestRunner } from "./toolchain.mjs";
import { checkDocsRs, checkOldestRust } from "./toolchains.mjs";

const step = (name, line, env) => ({ name, command: line.split(" "), env });
const clippy = (name, what) => step(name, `cargo clippy --locked ${what} -- -D warnings`);

const BENCHES = "--manifest-path bench/Cargo.toml";
const TOOLCHAIN = { name: "toolchain", run: ensureChecks };

const TYPED = "-p lockkeeper --features macros";

const EVERY_TIME = [
  step("formatting", "cargo fmt --all --check"),
  step("formatting of the benches", "cargo fmt --manifest-path bench/Cargo.toml --check"),
  clippy("clippy", "--workspace --all-targets"),
  clippy("clippy, with Redis", "-p lockkeeper --features redis --lib --example shared-worker"),
  clippy("clippy, typed functions", `-p lockkeeper-macros --all-targets ${TYPED}`),
  clippy("clippy, without reqwest", "-p lockkeeper --lib --no-default-features"),
  // Clippy compiles as `cargo check` does, and sees the code that only this target has.
  clippy("wasm build", `-p lockkeeper --lib --target ${WASM}`),
  // wasm-pack compiles every test; Clippy does not see that those of wasm-bindgen are tests.
  step("wasm build, the tests", `cargo check --locked -p lockkeeper --tests --target ${WASM}`),
  clippy("wasm build, typed functions", `${TYPED} --lib --target ${WASM}`),
  clippy("wasm build, the binding", `-p lockkeeper-js --target ${WASM}`),
  clippy("wasm build, the simulator", `-p lockkeeper-simulate-js --target ${WASM}`),
  clippy("wasm build, without default features", `-p lockkeeper --lib --no-default-features --target ${WASM}`),
  { name: "dependencies of the core", run: checkBareDependencies },
  step("docs", "cargo doc --locked --workspace --no-deps --features lockkeeper/macros", { RUSTDOCFLAGS: "-D warnings" }),
  // Every program runs, so that one run shows all failures.
  step("tests", "cargo test --locked --workspace --no-fail-fast"),
  // Apart, since they keep the order of all JSON objects, which the counts of allocations would show.
  step("typed functions", `cargo test --locked ${TYPED} --lib --test functions --test macros --no-fail-fast`),
  step("typed functions, code in docs", `cargo test --locked ${TYPED} --doc`),
  { name: "instructions of the core", run: checkInstructions },
  { name: "web tests, in Node", run: inNode },
  { name: "web tests, in Chromium", run: inChromium },
  { name: "npm package", run: build },
  { name: "size of the npm package", run: checkSize },
  { name: "npm package's classes", run: (count) => nodeTests("tests/js", count) },
  { name: "shared state, over Redis", run: (count) => sharedState(["conformance", "adapters", "cluster", "processes"], count) },
  { name: "fault table, in Node", run: (count) => faultTable("node", count) },
  { name: "fault table, in Chromium", run: (count) => faultTable("chromium", count) },
  { name: "pages, in Chromium", run: inPage },
  packageTests("npm package, where it runs", ["types", "node-esm", "node-cjs", "deno", "bun", "page", "workerd", "durable-object", "edge-runtime"]),
  { name: "code in the pages", run: docsCode },
];

const LONG = [
  { name: "licences, bans and sources", run: deny },
  packageTests("npm package, in bundles and workers", ["vite", "esbuild", "webpack", "service-worker", "workerd-isolates"]),
  { name: "web tests, in Firefox", run: inFirefox },
  { name: "web tests, in WebKit", run: inWebKit },
  { name: "web tests, by wasm-pack", run: byWasmPack },
  { name: "memory over 20,000 streams", run: (count) => nodeTests("tests/js", count, { LOCKKEEPER_TEST_STREAMS: "20000" }) },
  { name: "Redis stands still for 10 seconds", run: (count) => sharedState(["processes"], count, { LOCKKEEPER_TEST_STOP_SECONDS: "10" }) },
  { name: "contents of the archives", run: checkArchives },
  { name: "crates, from their archives", run: testArchives },
  { name: "public API", run: checkApi },
  { name: "oldest Rust", run: checkOldestRust },
  { name: "docs, as docs.rs makes them", run: checkDocsRs },
  step("examples", `cargo build --locked --examples ${TYPED}`),
  step("messages of the attributes", `cargo test --locked ${TYPED} --test macro_errors`),
  { name: "fuzzing, 20 seconds a target", run: () => fuzz(20) },
  step("tests without reqwest", "cargo test --locked -p lockkeeper --lib --test own_transport --no-default-features"),
  step("simulation, 20,000 scenarios", "cargo test --locked --release --test sim", { LOCKKEEPER_SIM_SCENARIOS: "20000" }),
  // In one profile, so that the peers are built once.
  clippy("clippy, the benches", `--release ${BENCHES} --all-targets`),
  step("benches, their own tests", `cargo test --locked --release ${BENCHES}`),
  step("benches, a run without meaning", `cargo run --locked --release ${BENCHES} -- --smoke`),
  step("soak, its short form", "node scripts/soak.mjs --seconds 10 --streams 300 --node-streams 100"),
];

/** The tests of the npm package, in some of the runtimes. */
function packageTests(name, runtimes) {
  return step(name, `node scripts/with-provider.mjs node tests/package/run.mjs ${runtimes.join(" ")}`);
}

/** The code of the README and of docs/, as those find it who copy it. */
async function docsCode(count) {
  await chromedriver(); // and the browser that it drives
  return runCommand({ command: ["node", "scripts/with-provider.mjs", "node", "tests/docs/run.mjs"] }, count);
}

/** The tests of a folder by Node's own runner, against a provider that is started for them. */
async function nodeTests(folder, count, env) {
  return runCommand({ command: ["node", "scripts/with-provider.mjs", "node", "--test", ...testsIn(folder)], env }, count);
}

function testsIn(folder) {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.mjs"));
  return files.map((name) => `${folder}/${name}`);
}

/** Processes that share their limits over a Redis that the tests start; one after the other, since they look at the clock. */
async function sharedState(names, count, env) {
  await ensureRedis();
  const exitCode = await run(["cargo", "build", "--locked", "-p", "lockkeeper", "--features", "redis", "--example", "shared-worker"]);
  if (exitCode !== 0) return exitCode;
  const worker = join(targetDirectory(), "debug", "examples", "shared-worker");
  const files = names.map((name) => `tests/shared_state/${name}.test.mjs`);
  const command = ["node", "scripts/with-provider.mjs", "node", "--test", "--test-concurrency=1", ...files];
  return runCommand({ command, env: { LOCKKEEPER_TEST_WORKER: worker, ...env } }, count);
}

/** What a provider may do to a client, as tests/faults has it; natively, `cargo test` runs the same. */
async function faultTable(host, count) {
  if (host === "chromium") await chromedriver(); // and the browser that it drives
  return runCommand({ command: ["node", "scripts/with-provider.mjs", "node", "--test", `tests/faults/${host}.test.mjs`] }, count);
}

/** The page that `npm start` serves, clicked through. */
async function inPage(count) {
  await chromedriver(); // and the browser that it drives
  // One after the other: each has a browser and a provider of its own.
  return runCommand({ command: ["node", "--test", "--test-concurrency=1", ...testsIn("tests/www")] }, count);
}

/** The tests of a JavaScript host, against a provider that is started for them; `display` comes before the command. */
async function webTests(program, count, env, display = []) {
  const runner = { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: await wasmTestRunner() };
  const tests = ["cargo", "test", "--locked", "-p", "lockkeeper", "--test", program, "--target", WASM];
  const command = ["node", "scripts/with-provider.mjs", ...display, ...tests];
  return runCommand({ command, env: { ...runner, ...env } }, count);
}

async function inNode(count) {
  return webTests("web", count, {});
}

async function inChromium(count) {
  return webTests("web_in_browser", count, { CHROMEDRIVER: await chromedriver() });
}

async function inFirefox(count) {
  return webTests("web_in_browser", count, await firefox());
}

async function inWebKit(count) {
  return webTests("web_in_browser", count, await webKit(), ["xvfb-run", "-a"]);
}

/** The same as users of wasm-pack run them. */
async function byWasmPack(count) {
  const driver = await chromedriver();
  // It looks for wasm-bindgen on the PATH, of the lock file's version.
  const tools = [dirname(await wasmTestRunner()), process.env.PATH].join(delimiter);
  const tests = [await wasmPack(), "test", "--mode", "no-install", "--headless", "--chrome", "--chromedriver", driver, "--", "--locked", "--test", "web_in_browser"];
  return runCommand({ command: ["node", "scripts/with-provider.mjs", ...tests], env: { PATH: tools } }, count);
}

async function deny() {
  return run([await cargoDeny(), "--locked", "check", "licenses", "bans", "sources"]);
}

/** The counts of the run that went before, or undefined if there was none. */
function testedBefore() {
  const line = process.env.LOCKKEEPER_TESTED;
  if (!line) return undefined;
  const counts = readClosingLine(line);
  if (!counts) throw new Failure(`LOCKKEEPER_TESTED must be the closing line of a run that passed, not "${line}"`);
  console.log(`Tested before: ${line}. Those ${EVERY_TIME.length} steps are not repeated.`);
  return counts;
}

main(() => {
  const unknown = process.argv.slice(2).filter((argument) => argument !== "--all");
  if (unknown.length) throw new Failure(`unknown: ${unknown.join(" ")}; the one option is --all`, 2);
  if (!process.argv.includes("--all")) return runSteps([TOOLCHAIN, ...EVERY_TIME]);
  const before = testedBefore();
  return runSteps(before ? [TOOLCHAIN, ...LONG] : [TOOLCHAIN, ...EVERY_TIME, ...LONG], before);
});
