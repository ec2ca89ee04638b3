// The causes of connection errors: the engine knows them by their words alone, and users want to know more. They are
// copies of what tells: what hosts, and `fetch`es of somebody's own, hang on their errors besides (the request, its
// options, the answer's bytes) may hold a key.

const KEPT = 32;
const causes = [];

/** Remembers an error for a while. */
export function remember(error) {
  if (causes.push(copyOf(error, copyOf(error?.cause))) > KEPT) causes.shift();
}

/** The error with these very words, if it is one of the last: where the engine took a key out of them, there is none. */
export const causeOf = (words) => causes.findLast((error) => error && wordsOf(error) === words);

function copyOf(error, cause) {
  if (typeof error?.message !== "string") return undefined;
  const copy = new (error instanceof TypeError ? TypeError : Error)(error.message, cause && { cause });
  const { name, code } = error;
  Object.defineProperty(copy, "name", { value: String(name), configurable: true, writable: true });
  if (/^\w+$/.test(code)) copy.code = code;
  return copy;
}

/** An error's message, with its cause's: Node says no more than "fetch failed" without. */
export function wordsOf(error) {
  const said = messageOf(error) ?? (typeof error === "string" ? error : "the request failed without a word");
  const cause = messageOf(error?.cause);
  return cause === undefined ? said : `${said}: ${cause}`;
}

const messageOf = (error) => (typeof error?.message === "string" ? error.message : undefined);
