// The few things that every part of the page does with its elements.

export const byId = (id) => document.getElementById(id);

/** An element with a class and children: elements, or texts. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Sets a text, and leaves the page alone where it is the same. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** Tells those who cannot see the page; politely, so that only what matters is to be said here. */
export function announce(text) {
  byId("status").textContent = text;
}

/** "1 call", "2 calls". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** "0.31 s", "12.4 s". */
export const seconds = (number) => `${number.toFixed(number < 10 ? 2 : 1)} s`;

/** Keeps a list scrolled to its end as it grows, unless its reader has scrolled back. */
export function stayAtEnd(list) {
  let stays = true;
  const go = () => stays && (list.scrollTop = list.scrollHeight);
  list.addEventListener("scroll", () => (stays = list.scrollHeight - list.scrollTop - list.clientHeight < 24));
  new MutationObserver(go).observe(list, { childList: true, characterData: true, subtree: true });
  new ResizeObserver(go).observe(list);
}
