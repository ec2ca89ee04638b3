// The causes of connection errors: the engine knows them by their words alone, and users want to know more. They are
// copies of what tells: what hosts, and `fetch`es of somebody's own, hang on their errors besides (the request, its
// options, the answer's bytes) may hold a key.

const KEPT = 32;
const causes = [];

/** The same `fetch` (or the host's, as it is when it is used), whose errors are remembered for a while. */
export const watched = (fetch) => async (url, init) => {
  try {
    return await (fetch ?? globalThis.fetch)(url, init);
  } catch (error) {
    if (causes.push(copyOf(error, copyOf(error?.cause))) > KEPT) causes.shift();
    throw error;
  }
};

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

/** As src/platform/web/fetch_transport.rs puts it. */
const wordsOf = ({ message, cause }) => (cause ? `${message}: ${cause.message}` : message);
