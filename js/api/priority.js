// Which of the calls that wait goes on first.

const HIGHEST = 100;

/** What is wrong with a priority, if something is. */
export function problemOfPriority(priority) {
  if (priority == null || (Number.isInteger(priority) && Math.abs(priority) <= HIGHEST)) return [];
  return [["priority", `expected a whole number from -${HIGHEST} to ${HIGHEST}`]];
}
