// How a call is one of several: what a fallback tells its targets, out of users' sight.

/** The option that says so, and the mark of targets that keep the clocks of a call themselves. */
export const ROUTE = Symbol("lockkeeper.route");

const ON_INTERRUPT = [undefined, "fail", "restart"];

/** What is wrong with what shall become of a stream that breaks, if something is. */
export const problemOfInterrupt = (value) => (ON_INTERRUPT.includes(value) ? [] : [["onInterrupt", 'expected "fail" or "restart"']]);

/** Says who answered, beside the provider's own object. */
export function attributed(answer, answeredBy) {
  return Object.defineProperty(answer, "answeredBy", { value: answeredBy, configurable: true, writable: true });
}
