// What differs between hosts, as their entries say.

export const hosted = {
  /** Whether requests share one thread, and may die without a word. */
  isolates: false,
  /** Reads a file, or whatever stands at a URL. */
  readText: async (place) => {
    const response = await fetch(place);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return response.text();
  },
};

/** Says how this host differs. */
export const host = (differences) => void Object.assign(hosted, differences);
