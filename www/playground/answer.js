// One answer: arrives piece by piece, and says at its end what it took.

import { count, make, seconds } from "../dom.js";
import { WORDS } from "./words.js";

const STEP = 100; // milliseconds between two looks at what a request does

/** The bubble of an answer, empty so far. */
export function bubble() {
  const thinking = make("details", "thinking", make("summary", "", "Reasoning"), make("p"));
  thinking.hidden = true;
  const element = make("article", "answer arriving", thinking, make("div", "text"), make("p", "note"));
  element.setAttribute("aria-label", "Answer");
  return element;
}

/** Reads a stream into its bubble, and gives back what is to be said of it, unless it went well. */
export async function receive({ stream, request }, element) {
  const note = element.querySelector(".note");
  const shown = painter(stream, element);
  const waits = setInterval(() => (note.textContent = step(request()) ?? note.textContent), STEP);
  note.textContent = "On its way…";
  try {
    for await (const _ of stream) {
      clearInterval(waits);
      note.textContent = `${stream.keyLabel} answers…`;
      shown.soon();
    }
    note.textContent = await summary(stream, request());
  } catch (error) {
    const stopped = error.name === "AbortError";
    element.classList.add(stopped ? "stopped" : "failed");
    note.textContent = stopped ? "Stopped. The connection is closed, the key is free." : "";
    if (stopped) return note.textContent;
    note.before((await import("./failure.js")).failureCard(error));
    return `${error.name}: ${error.message}`;
  } finally {
    clearInterval(waits);
    await shown.now();
    element.classList.remove("arriving");
    tell(element, request());
  }
}

/** What a request does now, in words. */
function step(request) {
  const last = request?.events.at(-1);
  return last && WORDS[last.name](last.event);
}

async function summary(stream, request) {
  const usage = await stream.usage();
  const cost = count(usage.completion_tokens, "LLM token") + (usage.estimated ? ", estimated" : "");
  return `${stream.keyLabel}, first token after ${seconds(request?.firstToken ?? 0)}, ${cost}`;
}

/** Shows what has arrived, at most once a frame. */
function painter(stream, element) {
  const [thinking, text] = element.children;
  let markdown; // loaded with the first answer
  let planned = false;
  const paint = async () => {
    planned = false;
    markdown ??= new (await import("./markdown.js")).Markdown(text);
    const { partial } = stream;
    thinking.hidden = !partial.reasoning;
    thinking.lastChild.textContent = partial.reasoning;
    await markdown.show(partial.text);
  };
  return {
    now: paint,
    soon() {
      if (planned) return;
      planned = true;
      // In a page that is not seen no frame comes.
      if (document.hidden) setTimeout(paint, 100);
      else requestAnimationFrame(paint);
    },
  };
}

/** How the client got there, where there was more to it than one attempt. */
function tell(element, request) {
  if (!request?.events.some(({ name }) => name === "failure")) return;
  const steps = request.events
    .filter(({ name }) => name !== "headers")
    .map(({ name, event, at }) => {
      const step = make("li", "", make("span", "at", `+${seconds(at - request.begun)}`), make("span", "", WORDS[name](event)));
      step.dataset.event = name;
      return step;
    });
  const story = make("details", "story", make("summary", "", "How the client coped"), make("ol", "", ...steps));
  story.open = true;
  element.append(story);
}
