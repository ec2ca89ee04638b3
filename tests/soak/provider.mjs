// The embedded provider as a process of its own, so that what the client uses is the client's alone.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure, root } from "../../scripts/run.mjs";
import { FIRST_NUMBER, QUESTIONS } from "./plan.mjs";

const PROVIDER = ["cargo", "run", "--quiet", "--locked", "--release", "-p", "mock-provider", "--", "--port", "0"];
/** The provider has a few texts for a question, which it picks from by the prompt: so many prompts bring out all. */
const PROBES = 60;
/** Faults that are queued with one call. */
const SLICE = 10_000;

/** Starts a provider; its first line is its address. */
export async function startProvider() {
  const child = spawn(PROVIDER[0], PROVIDER.slice(1), { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  for await (const baseUrl of createInterface(child.stdout)) return new Provider(child, baseUrl);
  throw new Failure("the embedded provider did not start");
}

class Provider {
  #child;

  constructor(child, baseUrl) {
    this.#child = child;
    this.baseUrl = baseUrl;
  }

  stop() {
    this.#child.kill();
  }

  /** Calls a control endpoint. */
  async control(path = "", method = "GET", body) {
    const response = await fetch(new URL(`/_control/${path}`, this.baseUrl), { method, body: body && JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Failure(`/_control/${path}: ${answer.error.message}`);
    return answer;
  }

  /** Makes it ready for a plan. */
  async prepare({ provider, faults }) {
    await this.control("settings", "POST", provider);
    for (let from = 0; from < faults.length; from += SLICE) {
      await this.control("faults", "POST", { faults: faults.slice(from, from + SLICE) });
    }
    await this.control("log", "DELETE");
  }

  /** Every question with the texts that may answer it, `{n}` in place of the number, and how long they are. */
  async answers() {
    return Promise.all(
      QUESTIONS.map(async ({ prompt, share }) => {
        const numbers = Array.from({ length: PROBES }, (_, i) => String(FIRST_NUMBER + i));
        const answers = await Promise.all(numbers.map((number) => this.#answer(prompt, number)));
        const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0) / PROBES;
        return { prompt, share, tokens, texts: [...new Set(answers.map((answer) => answer.text))] };
      }),
    );
  }

  /** Asks without the library between. */
  async #answer(prompt, number) {
    const messages = [{ role: "user", content: prompt.replace("{n}", number) }];
    const response = await fetch(`${this.baseUrl}/chat/completions`, { method: "POST", body: JSON.stringify({ model: "soak", messages }) });
    const { choices, usage } = await response.json();
    const text = choices[0].message.content;
    if (!text.includes(number)) throw new Failure(`the provider's answer does not name ${number}: ${text}`);
    return { text: text.replaceAll(number, "{n}"), tokens: usage.completion_tokens };
  }
}
