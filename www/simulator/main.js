// The simulator: an hour of traffic under virtual time. It is loaded when its tab is first opened.

import { announce, count, make } from "../dom.js";
import { play, stop, withoutKeys } from "./engine.js";
import { Form } from "./form.js";
import { frame } from "./frame.js";
import { showPlots } from "./plots.js";
import { PRESETS } from "./presets.js";
import { showFigures, showKeys, showSeries, showTable, showTimes, verdict } from "./results.js";
import { hashOf, stateOf } from "./share.js";
import { duration } from "./words.js";

const PATIENCE = 400; // milliseconds: only who waits longer is told so

const PEEK = 150; // pixels of the results that have to show on a phone, where they are below

/** Fills the tab's panel, and plays what its address says, or else the first example. */
export async function mount(panel) {
  const parts = await frame(panel);
  const simulator = new Simulator(parts);

  parts.presets.append(...Object.entries(PRESETS).map(([name, state]) => simulator.preset(name, state)));
  parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    simulator.play();
  });
  parts.form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) simulator.play();
  });
  parts.stop.addEventListener("click", () => simulator.stop());
  parts.share.addEventListener("click", () => simulator.share());
  addEventListener("hashchange", async () => simulator.open(await stateOf(location.hash)));

  await simulator.open((await stateOf(location.hash)) ?? Object.values(PRESETS)[0]);
}

class Simulator {
  #parts;
  #form;
  #shared; // what is shown, as it may be shared
  #last = 0; // the number of the run that is waited for

  constructor(parts) {
    this.#parts = parts;
    this.#form = new Form(parts.fields);
  }

  preset(name, state) {
    const button = make("button", "small", name);
    button.type = "button";
    button.addEventListener("click", () => this.open(state));
    return button;
  }

  /** Shows a state in the form, and plays it. */
  async open(state) {
    if (!state) return;
    this.#form.fill(state);
    await this.play();
  }

  /** Plays what the form says; what was under way is given up. */
  async play() {
    this.stop();
    const run = this.#last;
    const patience = setTimeout(() => this.#busy(true), PATIENCE);
    try {
      this.#tellProblems([]);
      const state = this.#form.read();
      const shown = { state, runs: await runsOf(state), shared: await shareable(state) };
      if (run === this.#last) await this.#show(shown);
    } catch (error) {
      if (run === this.#last) this.#tellProblems(error.problems ?? [{ path: "", message: error.message }]);
    } finally {
      clearTimeout(patience);
      if (run === this.#last) this.#busy(false);
    }
  }

  stop() {
    this.#last += 1;
    stop();
    this.#busy(false);
  }

  /** Puts into the address, and on the clipboard, what shows the same to others. */
  async share() {
    if (!this.#shared) return;
    history.replaceState(null, "", await hashOf(this.#shared));
    try {
      await navigator.clipboard.writeText(location.href);
      this.#say("The link is on the clipboard. It holds no keys, only how many there are.");
    } catch {
      this.#say("The link is this page's address. It holds no keys, only how many there are.");
    }
  }

  async #show({ runs, shared }) {
    const { figures, keys, numbers, plots, results, series, times, verdicts } = this.#parts;
    this.#shared = shared;
    if (location.hash.startsWith("#simulator")) history.replaceState(null, "", await hashOf(shared));
    const isFirst = results.hidden;
    results.hidden = false;
    results.classList.toggle("compared", runs.length > 1);
    verdicts.replaceChildren(...runs.map((run) => make("p", "", verdict(run))));
    showFigures(figures, runs);
    showTimes(times, runs);
    showTable(numbers, runs);
    showKeys(keys, runs);
    series.replaceChildren(...runs.map((run) => showSeries(run)));
    await showPlots(plots, runs);
    const took = runs.reduce((sum, run) => sum + run.took, 0);
    this.#say(`Played in ${duration(took)}.`);
    announce(runs.map(verdict).join(" "));
    if (!isFirst && results.getBoundingClientRect().top > innerHeight - PEEK) results.scrollIntoView();
  }

  #tellProblems(problems) {
    const { problem } = this.#parts;
    const left = this.#form.show(problems);
    problem.textContent = left.join("\n");
    problem.hidden = left.length === 0;
    if (problems.length > 0) {
      this.#say(`This cannot be played: ${count(problems.length, "mistake")}.`);
      announce(`This cannot be played. ${problems.map(({ path, message }) => `${path}: ${message}`).join("; ")}`);
    }
  }

  #busy(isBusy) {
    this.#parts.stop.hidden = !isBusy;
    this.#parts.results.setAttribute("aria-busy", isBusy);
    if (isBusy) this.#say("Playing…");
  }

  #say(text) {
    this.#parts.note.textContent = text;
  }
}

/** What comes of each configuration: `{ name, report, took }`. */
async function runsOf({ a, b }) {
  if (b === undefined) return [{ name: "", ...(await play(a)) }];
  const runs = [];
  for (const [name, provider] of [["A", a.provider], ["B", b]]) {
    runs.push({ name, ...(await play({ ...a, provider }).catch((error) => Promise.reject(ofConfig(error, name)))) });
  }
  return runs;
}

/** The same error, with the configuration that it is about. */
function ofConfig(error, name) {
  for (const problem of error.problems ?? []) problem.config = name.toLowerCase();
  return error;
}

/** The state without any key. */
async function shareable({ a, b }) {
  const bare = async (provider) => (await withoutKeys({ provider })).provider;
  const shared = { a: { ...a, provider: await bare(a.provider) } };
  return b === undefined ? shared : { ...shared, b: await bare(b) };
}
