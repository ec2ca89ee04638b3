// The few kinds of lines that our diagrams are drawn with; what is none of them is taken for a mistake.

const TEXT = String.raw`"[^"]*"`;
const NODE = String.raw`\w+(?:\[${TEXT}\]|\(${TEXT}\)|\{${TEXT}\}|\[\(${TEXT}\)\])?`;
const FLOWCHART = [
  new RegExp(String.raw`^${NODE}(?: (?:-->|-\.->|---)(?:\|${TEXT}\|)? ${NODE})*$`),
  new RegExp(String.raw`^subgraph \w+\[${TEXT}\]$`),
  /^end$/,
];
const SEQUENCE = [
  /^(participant|actor) \w+ as [^;#]+$/,
  /^\w+(->>|-->>|-x|--x)[+-]?\w+: [^;#]+$/,
  /^(Note (over|left of|right of) \w+(,\w+)?: [^;#]+)$/,
  /^(alt|else|opt|loop|par|and|break) [^;#]+$/,
  /^end$/,
];
const STATES = [/^(\[\*\]|\w+) --> (\[\*\]|\w+)(: [^;#]+)?$/, /^state "[^"]+" as \w+$/, /^note (right|left) of \w+: [^;#]+$/];
const KINDS = { "flowchart LR": FLOWCHART, "flowchart TD": FLOWCHART, sequenceDiagram: SEQUENCE, "stateDiagram-v2": STATES };

/** What is wrong with a diagram, if anything is. */
export function mermaidProblem(code) {
  const [kind, ...lines] = code.trim().split("\n").map((line) => line.trim());
  const patterns = KINDS[kind];
  if (!patterns) return `no kind of diagram: ${kind}`;
  const odd = lines.find((line) => line && !patterns.some((pattern) => pattern.test(line)));
  if (odd) return `not understood: ${odd}`;
  const opened = lines.filter((line) => /^(alt|opt|loop|par|break|subgraph) /.test(line)).length;
  return opened === lines.filter((line) => line === "end").length ? undefined : "an `end` is missing, or one too many";
}
