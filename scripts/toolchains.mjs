// What other compilers make of the library: the oldest that it promises to build with, and the one that docs.rs has.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mustPrint, output, root, run } from "./run.mjs";
import { ensureNightly, WASM } from "./toolchain.mjs";

const FEATURES = [[], ["--no-default-features"], ["--features", "macros,redis"]];

/** The `rust-version` of the library, with which its lock file must build it; the tests need newer crates. */
export async function checkOldestRust() {
  const oldest = /^rust-version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
  const toolchain = toolchainOf(oldest);
  if (!toolchain) return `Rust ${oldest} is not there: rustup toolchain install ${oldest} --profile minimal`;
  const targets = [[], ["--target", WASM]].filter(([, target]) => !target || hasTarget(toolchain, target));
  if (targets.length < 2) console.log(`not for ${WASM}: rustup target add ${WASM} --toolchain ${toolchain}`);
  for (const target of targets) {
    for (const features of FEATURES) {
      const command = ["cargo", `+${toolchain}`, "check", "--locked", "-p", "lockkeeper", "--lib", ...features, ...target];
      console.log(`$ ${command.join(" ")}`);
      const code = await run(command);
      if (code !== 0) return code;
    }
  }
  return 0;
}

/** An installed toolchain of that version, by the name that rustup has for it. */
function toolchainOf(version) {
  const names = (output(["rustup", "toolchain", "list"]) ?? "").split("\n").map((line) => line.split(" ")[0]);
  return names.find((name) => name === version || name.startsWith(`${version}-`) || name.startsWith(`${version}.`));
}

function hasTarget(toolchain, target) {
  return (output(["rustup", "target", "list", "--installed", "--toolchain", toolchain]) ?? "").split("\n").includes(target);
}

/** The docs with the features and for the targets that docs.rs is told of, without a warning. */
export async function checkDocsRs() {
  await ensureNightly();
  const { packages } = JSON.parse(mustPrint(["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"]));
  const { metadata } = packages.find(({ name }) => name === "lockkeeper");
  const { features, targets, "rustdoc-args": args } = metadata.docs.rs;
  const flags = [...args, "-Dwarnings"].join(" ");
  for (const target of targets) {
    // Its standard library must be there, where the target is not the machine's own.
    const own = output(["rustc", "+nightly", "-vV"]).includes(`host: ${target}\n`);
    if (!own && !hasTarget("nightly", target)) await run(["rustup", "target", "add", target, "--toolchain", "nightly"]);
    const command = ["cargo", "+nightly", "doc", "--locked", "-p", "lockkeeper", "--no-deps", "--features", features.join(), ...(own ? [] : ["--target", target])];
    console.log(`$ RUSTDOCFLAGS="${flags}" ${command.join(" ")}`);
    const code = await run(command, { env: { RUSTDOCFLAGS: flags } });
    if (code !== 0) return code;
  }
  return 0;
}
