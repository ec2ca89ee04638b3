// Abort signals: one listener on each, however many calls it ends, as hosts warn of many.

const acts = new WeakMap();

/** Calls `act` when the signal is aborted. Returns a function that ends this. */
export function onAbort(signal, act) {
  if (!signal) return () => {};
  if (!acts.has(signal)) {
    const all = new Set();
    acts.set(signal, all);
    signal.addEventListener("abort", () => [...all].forEach((act) => act()), { once: true });
  }
  acts.get(signal).add(act);
  return () => acts.get(signal).delete(act);
}

/** What is wrong with a signal, if something is. */
export function problemOfSignal(signal) {
  const fits = signal === undefined || signal === null || (typeof signal.addEventListener === "function" && "aborted" in signal);
  return fits ? [] : [["signal", "expected an AbortSignal"]];
}
