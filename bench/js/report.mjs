// Figures, for people.

/** The middle one of a sorted list. */
export const median = (sorted) => (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;

const digits = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)).padStart(9);

/** A table of one work's figures. */
export function table(title, figures) {
  const lines = figures.map(({ name, median, least, most }) => `  ${name.padEnd(20)}${digits(median)}   (${digits(least).trim()} to ${digits(most).trim()})`);
  return [`\n${title}`, ...lines].join("\n");
}
