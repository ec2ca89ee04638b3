// What several requests have cost together.

const COUNTS = ["prompt_tokens", "completion_tokens", "total_tokens"];

/** Both together; what is unknown counts for nothing. */
export function added(known, more) {
  if (!known || !more) return more ? { ...plain(more) } : known;
  const sum = Object.fromEntries(COUNTS.map((name) => [name, (known[name] ?? 0) + (more[name] ?? 0)]));
  return known.estimated || more.estimated ? { ...sum, estimated: true } : sum;
}

function plain(usage) {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, usage[name] ?? 0]));
  return usage.estimated ? { ...counts, estimated: true } : counts;
}
