// The chat: sends a message, shows the answer as it arrives, and stops it when told.

import { announce, byId, make, stayAtEnd } from "../dom.js";
import { bubble, receive } from "./answer.js";

/** Earlier than bursts: who types is not to wait for five hundred others. */
const PRIORITY = 100;

/** `connectFirst` is called where there is nobody to ask yet. */
export function chat(session, connectFirst) {
  const conversation = byId("conversation");
  const prompt = byId("prompt");
  const [send, stop] = [byId("send"), byId("stop")];
  let messages = [];
  let asked; // the answer that arrives now
  stayAtEnd(conversation);
  welcome("no-provider");

  async function ask(text) {
    if (!session.llm) return connectFirst();
    if (asked) return;
    const question = { role: "user", content: text };
    const before = messages;
    show(make("p", "question", text));
    asked = session.ask([...before, question], { priority: PRIORITY });
    setBusy(true);
    const failure = await receive(asked, show(bubble()));
    // What was never answered is not spoken of again.
    const said = asked.stream.partial.text;
    if (said) before.push(question, { role: "assistant", content: said });
    asked = undefined;
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

  const end = () => asked?.stream.abort();
  const takes = (text) => {
    if (asked) return false;
    ask(text);
    return session.llm !== undefined;
  };
  listen(takes, end);
  byId("connect-first").addEventListener("click", connectFirst);

  return {
    ask,
    connect() {
      end();
      welcome("invitation");
      // What was said to one provider is not told to the next.
      if (messages.length > 0) show(make("p", "divider quiet", "New connection, new conversation"));
      messages = [];
    },
  };
}

/** What a person can do: send, stop, take a suggestion. `takes` is handed a text, and says whether it is taken. */
function listen(takes, end) {
  const prompt = byId("prompt");
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = prompt.value.trim();
    if (text && takes(text)) prompt.value = "";
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("composer").requestSubmit();
  });
  byId("suggestions").addEventListener("click", ({ target }) => {
    if (target.localName !== "button") return;
    prompt.focus();
    takes(target.textContent);
  });
  byId("stop").addEventListener("click", end);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("settings").open) end();
  });
}

/** Shows one of the things with which a conversation begins, unless one has begun. */
function welcome(id) {
  for (const part of byId("welcome")?.children ?? []) part.hidden = part.id !== id;
}
