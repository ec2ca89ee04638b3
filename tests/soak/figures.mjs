// Small statistics.

/** The value below which such a part of the numbers lies. */
export function quantile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)];
}

export const median = (numbers) => quantile(numbers, 0.5);

/** The slope of the straight line that fits the points best, by least squares. */
export function slope(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([x]) => x), mean(([, y]) => y)];
  const [both, own] = [mean((point) => (point[0] - x) * (point[1] - y)), mean((point) => (point[0] - x) ** 2)];
  return both / own;
}
