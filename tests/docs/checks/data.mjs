// Blocks that are data or a drawing: JSON, of which configurations are loaded, TOML, YAML, commands, diagrams.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import { output, root } from "../../../scripts/run.mjs";
import { ensurePython } from "../../../scripts/toolchain.mjs";
import { mermaidProblem } from "../parts/mermaid.mjs";
import { placeOf } from "../parts/pages.mjs";

const READERS = { json, jsonc, toml: (code) => void parseToml(code), yaml: (code) => void parseYaml(code), sh, mermaid: mermaidProblem, python };

export async function test({ pages, project }) {
  await ensurePython();
  const blocks = pages.flatMap((page) => page.blocks).filter(({ language }) => language in READERS);
  const languages = Object.keys(READERS).filter((name) => blocks.some(({ language }) => language === name));
  const checks = languages.map((name) => ({
    name: `${blocks.filter(({ language }) => language === name).length} blocks of ${name} are sound`,
    problem: blocks.filter(({ language }) => language === name).map((block) => problemOf(block, project)).filter(Boolean).join("\n"),
  }));
  return [...checks, { name: "workflows and templates are YAML", problem: workflows().join("\n") }];
}

/** The languages that are looked at here. */
export const LANGUAGES = Object.keys(READERS);

function problemOf(block, project) {
  try {
    const problem = READERS[block.language](block.code, project);
    return problem && `${placeOf(block)}: ${problem}`;
  } catch (error) {
    return `${placeOf(block)}: ${error.message}`;
  }
}

/** One that has keys in it is a configuration, which has to be a good one: each in a process of its own, as they share buckets. */
function json(code, { folder }) {
  JSON.parse(code);
  if (code.includes('"api_keys"')) execFileSync(process.execPath, ["--input-type=module", "-e", LOAD], { cwd: folder, input: code, stdio: ["pipe", "ignore", "pipe"] });
}

const LOAD = `import { readFileSync } from "node:fs";
import { OpenAICompatible } from "lockkeeper";
OpenAICompatible.loadFromJson(readFileSync(0, "utf8"), { env: (name) => "sk-of-" + name });`;

function jsonc(code) {
  JSON.parse(code.replaceAll(/(?<![:"])\/\/.*/g, ""));
}

const NODE_SCRIPT = /^npm (?:run )?([\w:]+)(?: |$)/;
const PROGRAMS = /^(npm install|npm create|npx wrangler|npx next|deno|node|npx tsc|cargo add|cargo run|cargo new|curl|export|pip install|rustup|wrangler|bun|git|lockkeeper)\b/;

/** Each command is one that there is: a script of package.json, a program of Cargo's, or one of the tools that users have. */
function sh(code) {
  const lines = code.replaceAll("\\\n", " ").split("\n").map((line) => line.replace(/\s+#.*/, "").trim());
  return lines.filter(Boolean).map(commandProblem).find(Boolean);
}

function commandProblem(line) {
  const command = line.replace(/^(?:[A-Z_0-9]+=\S+ )+/, "");
  if (command.startsWith("#")) return undefined;
  const [, script] = NODE_SCRIPT.exec(command) ?? [];
  if (script && !["install", "create"].includes(script)) return script in scripts() ? undefined : `no script ${script}`;
  const [, kind, name] = /^cargo .*--(test|example|bench) (\S+)/.exec(command) ?? [];
  if (kind) return cargoTargets().has(`${kind} ${name}`) ? undefined : `no ${kind} ${name}`;
  if (/^cargo (\+nightly fuzz|bench|test|build)\b/.test(command)) return undefined;
  if (/^callgrind_annotate\b/.test(command)) return undefined;
  return PROGRAMS.test(command) ? undefined : `what is \`${command}\`?`;
}

const scripts = () => JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;

let targets;
function cargoTargets() {
  if (targets) return targets;
  const metadata = JSON.parse(output(["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], { stderr: "inherit" }));
  const all = metadata.packages.flatMap((one) => one.targets);
  return (targets = new Set(all.flatMap(({ kind, name }) => kind.map((word) => `${word} ${name}`))));
}

/** What SimpleLLMFunc's users write, by Python's own parser. */
function python(code) {
  const check = "import ast, sys; compile(sys.stdin.read(), 'block', 'exec', ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)";
  execFileSync("python3", ["-c", check], { input: code, stdio: ["pipe", "ignore", "pipe"] });
}

function workflows() {
  const folders = [".github", ".github/workflows", ".github/ISSUE_TEMPLATE"];
  const files = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  return files.filter((file) => /\.ya?ml$/.test(file)).map(fileProblem).filter(Boolean);
}

function fileProblem(file) {
  try {
    const value = parseYaml(readFileSync(join(root, file), "utf8"));
    const problem = file.includes("/workflows/") ? workflowProblem(value) : formProblem(value);
    return problem && `${file}: ${problem}`;
  } catch (error) {
    return `${file}: ${error.message}`;
  }
}

/** Actions have versions, and what is run is there. */
function workflowProblem({ jobs }) {
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  const loose = steps.filter(({ uses }) => uses && !/@v\d+(\.\d+)*$/.test(uses));
  if (loose.length) return `actions without a version: ${loose.map(({ uses }) => uses)}`;
  const commands = steps.flatMap(({ run }) => run?.split("\n") ?? []).map((line) => line.trim());
  const missing = commands.find((line) => /^\.?\w*\/\S+$/.test(line) && !existsSync(join(root, line)));
  if (missing) return `no ${missing}`;
  const unknown = commands.map((line) => NODE_SCRIPT.exec(line)?.[1]).find((name) => name && !["install", "ci", "publish"].includes(name) && !(name in scripts()));
  return unknown && `no script ${unknown}`;
}

/** A form asks for things, each by a name of its own; what is not a form is the list of other ways to report. */
function formProblem({ name, description, body, contact_links: links }) {
  if (links) return links.find((link) => !link.name || !link.url || !link.about) && "a link that says too little";
  if (!name || !description || !body?.length) return "name, description or body is missing";
  const fields = body.filter(({ type }) => type !== "markdown");
  const ids = new Set(fields.map(({ id }) => id));
  return ids.size < fields.length || fields.some(({ id, attributes }) => !id || !attributes?.label) ? "a field without a name or a label of its own" : undefined;
}
