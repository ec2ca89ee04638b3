// The texts in a message's or a delta's content, wherever the provider put them.

/** The text of some content: a string, or a list of parts. */
export function textOf(content) {
  if (typeof content === "string") return content;
  return partsOf(content, "text").join("");
}

/** The thinking of a message or delta. Providers that fill several fields put the same text in each. */
export function reasoningOf({ reasoning_content, reasoning, content }) {
  return reasoning_content || reasoning || partsOf(content, "thinking").join("");
}

function partsOf(content, type) {
  const parts = Array.isArray(content) ? content.filter((part) => part?.type === type) : [];
  return parts.flatMap((part) => {
    const text = part[type]; // Mistral's thinking is a list of texts
    return Array.isArray(text) ? text.map((piece) => piece?.text ?? "") : [text ?? ""];
  });
}
