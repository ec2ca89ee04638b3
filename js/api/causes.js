// The causes of connection errors: the engine knows them by their words alone, and users want the errors themselves.

const KEPT = 32;
const causes = [];

/** The same `fetch` (or the host's, as it is when it is used), whose errors are remembered for a while. */
export const watched = (fetch) => async (url, init) => {
  try {
    return await (fetch ?? globalThis.fetch)(url, init);
  } catch (error) {
    if (causes.push(error) > KEPT) causes.shift();
    throw error;
  }
};

/** The error that these words are of, if it is one of the last. */
export const causeOf = (words) => causes.findLast((error) => error?.message && words.startsWith(error.message));
