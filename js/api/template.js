// Reading a chunk by its likeness to one before it, as src/chat/template.rs does.
//
// The chunks of an answer differ in one text and in little else. So one that has been read is kept as a template, with a
// hole where its text is: the next is compared with it around the hole, and only what is in the hole is read. JSON
// that is the same but for a string means the same but for that string's value; anything else is read in full.

const TEXTS = ["content", "reasoning_content", "reasoning"];
/** What is in the hole while the template is tried. */
const TRIAL = "?";

export class Template {
  /** Those of every chunk that is like this one. */
  facts;
  /** The field of the delta that holds the text. */
  name;
  #before;
  #after;
  #json;
  #choice;

  /** A template of a chunk with one choice, whose delta says one text and nothing else. Throws where that can't be. */
  constructor({ json, text, facts }) {
    const { delta } = json.choices[0];
    const name = TEXTS.find((name) => delta[name]);
    const start = text.indexOf('"', text.indexOf(`"${name}"`, text.indexOf('"delta"')) + name.length + 2) + 1;
    const end = start + JSON.stringify(delta[name]).length - 2;
    const trial = text.slice(0, start) + TRIAL + text.slice(end);
    this.#json = flat(JSON.parse(trial), "choices"); // which makes `trial` a text of its own
    this.#choice = flat(this.#json.choices[0], "delta");
    const said = Object.entries(this.#choice.delta).filter(([name, value]) => value && name !== "role");
    if (delta[name] === TRIAL || said.join() !== [name, TRIAL].join()) throw new TypeError("it says more");
    [this.#before, this.#after] = [trial.slice(0, start), trial.slice(start + TRIAL.length)];
    [this.facts, this.name] = [facts, name];
  }

  /** The chunk of this text, if it is like this one. */
  read(text) {
    const [start, end] = [this.#before.length, text.length - this.#after.length];
    if (end <= start || text.slice(0, start) !== this.#before || text.slice(end) !== this.#after) return undefined;
    const piece = attempt(() => JSON.parse(`"${text.slice(start, end)}"`));
    if (piece === undefined) return undefined;
    const delta = { ...this.#choice.delta, [this.name]: piece };
    return { ...this.#json, choices: [{ ...this.#choice, delta }] };
  }
}

/** The same, if it holds objects in this field alone: chunks would share them. */
function flat(object, field) {
  if (Object.entries(object).some(([name, value]) => name !== field && Object(value) === value)) throw new TypeError("it holds more");
  return object;
}

/** What this gives, or nothing where it fails. */
export function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
