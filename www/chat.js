// The chat: sends a message, shows the answer as it arrives, and stops it when told.

import { announce, byId, count, follow, make, seconds } from "./dom.js";

/** `current` gives the client and the model of the moment. */
export function chat(current) {
  const conversation = byId("conversation");
  const prompt = byId("prompt");
  const [send, stop] = [byId("send"), byId("stop")];
  let messages = [];
  let stream; // the answer that arrives now

  async function ask(text) {
    const { llm, model } = current();
    const question = { role: "user", content: text };
    const before = messages;
    show(make("p", "question", text));
    stream = llm.chatStream([...before, question], { model });
    setBusy(true);
    const answer = show(bubble());
    const failure = await receive(stream, answer);
    // What was never answered is not spoken of again.
    const said = stream.partial.text;
    if (said) before.push(question, { role: "assistant", content: said });
    stream = undefined;
    setBusy(false);
    announce(failure ?? `Answer: ${said}`);
  }

  function show(element) {
    byId("welcome")?.remove();
    conversation.append(element);
    conversation.scrollTop = conversation.scrollHeight;
    return element;
  }

  function setBusy(busy) {
    // Whoever pressed a button that goes away goes on in the text field.
    if (document.activeElement === stop || document.activeElement === send) prompt.focus();
    send.hidden = busy;
    stop.hidden = !busy;
  }

  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = prompt.value.trim();
    if (!text || stream) return;
    prompt.value = "";
    ask(text);
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("composer").requestSubmit();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("settings").open) stream?.abort();
  });
  stop.addEventListener("click", () => stream?.abort());
  byId("suggestions").addEventListener("click", ({ target }) => {
    if (target.localName !== "button") return;
    prompt.focus();
    ask(target.textContent);
  });

  return {
    connect() {
      stream?.abort();
      // What was said to one provider is not told to the next.
      if (messages.length > 0) show(make("p", "divider quiet", "New connection, new conversation"));
      messages = [];
    },
  };
}

function bubble() {
  const element = make("article", "answer arriving", make("p", "text"), make("p", "note"));
  element.setAttribute("aria-label", "Answer");
  return element;
}

/** Reads a stream into its bubble, and gives back what is to be said of it, unless it went well. */
async function receive(stream, element) {
  const [text, note] = element.children;
  const begun = performance.now();
  let first;
  note.textContent = "On its way…";
  try {
    for await (const piece of stream.textStream) {
      if (first === undefined) note.textContent = `${stream.keyLabel} answers…`;
      first ??= (performance.now() - begun) / 1000;
      follow(element.parentElement, () => text.append(piece));
    }
    const cost = count((await stream.usage()).completion_tokens, "LLM token");
    note.textContent = `${stream.keyLabel}, first token after ${seconds(first ?? 0)}, ${cost}`;
  } catch (error) {
    const [kind, words] = describe(error);
    element.classList.add(kind);
    note.textContent = words;
    return words;
  } finally {
    element.classList.remove("arriving");
    follow(element.parentElement, () => {});
  }
}

/** An error in words: what happened, and how often it was tried. */
function describe(error) {
  if (error.name === "AbortError") return ["stopped", "Stopped. The connection is closed, the key is free."];
  const attempts = error.attempts?.length ? ` (${count(error.attempts.length, "attempt")})` : "";
  return ["failed", `${error.name}: ${error.message}${attempts}`];
}
