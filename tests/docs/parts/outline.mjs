// A page as a list of what does not depend on its language, so that two languages can be compared, and what differs named.

import { placeOf, proseOf } from "./pages.mjs";

/** The parts of a page in order, `{ page, place, signs, key, text }`: parts that say the same have the same signs, and so the same key. */
export function outlineOf(page) {
  const prose = paragraphsOf(page).map(({ line, text }) => ({ line, signs: signsOf(text), text }));
  const blocks = page.blocks.map((block) => ({ line: block.line, signs: [`${block.language} ${block.words}`, ...withoutComments(block).split("\n")], text: block.code }));
  const parts = [...prose, ...blocks].sort((a, b) => a.line - b.line);
  return parts.map(({ line, signs, text }) => ({ page: page.path, place: placeOf({ page: page.path, line }), signs, key: signs.join("\n"), text: beginningOf(text) }));
}

/** Where two outlines differ, in order: what only the one has there, and what only the other. */
export function differencesOf(one, other) {
  const scores = scoresOf(one, other);
  const gaps = [{ left: [], right: [] }];
  for (let [i, j] = [0, 0]; i < one.length || j < other.length; ) {
    const gap = gaps.at(-1);
    if (scores[i][j] === together(one, other, i, j, scores)) {
      gaps.push({ left: [], right: [], after: [one[i++], other[j++]] });
    } else if (j === other.length || scores[i][j] === scores[i + 1]?.[j]) gap.left.push(one[i++]);
    else gap.right.push(other[j++]);
  }
  return gaps.filter(({ left, right }) => left.length + right.length);
}

/** How much two outlines have in common, in order, from any part of the one and of the other on. */
function scoresOf(one, other) {
  const scores = Array.from({ length: one.length + 1 }, () => new Array(other.length + 1).fill(0));
  for (let i = one.length - 1; i >= 0; i -= 1) {
    for (let j = other.length - 1; j >= 0; j -= 1) scores[i][j] = Math.max(scores[i + 1][j], scores[i][j + 1], together(one, other, i, j, scores));
  }
  return scores;
}

/** The score of taking two parts for the same; more if the next two are, too, as a heading alone is like any other. */
function together(one, other, i, j, scores) {
  if (!alike(one[i], other[j])) return -1;
  return scores[i + 1][j + 1] + 1000 + (alike(one[i + 1], other[j + 1]) ? 1 : 0);
}

const alike = (part, other) => part !== undefined && part.key === other?.key;

/** Headings, rows and items one by one, the lines of a paragraph together. */
function paragraphsOf(page) {
  const found = [];
  for (const [at, text] of proseOf(page).entries()) {
    const last = found.at(-1);
    if (!text.trim()) found.push(undefined);
    else if (last && !startsAnew(text) && !startsAnew(last.text, /^[#|]/)) last.text += `\n${text}`;
    else found.push({ line: at + 1, text });
  }
  return found.filter(Boolean);
}

const startsAnew = (text, marks = /^(#|\||\s*([*-]|\d+\.) )/) => marks.test(text);

/** What kind of text it is, and what of it is the same in all languages: where its links lead, what stands in code, figures. */
function signsOf(text) {
  const [kind] = /^(#+ |\||\s*([*-]|\d+\.) )/.exec(text) ?? ["text"];
  const cells = kind === "|" ? [`${text.split(/(?<!\\)\|/).length - 2} cells`] : [];
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => (link.startsWith("#") ? "#" : link.replace(".zh-CN.md", ".md")));
  const code = [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1].replace(".zh-CN.md", ".md"));
  const figures = text.replaceAll(/\]\([^)]*\)|`[^`]+`/g, "").match(/\d[\d,.]*(?<=\d)/g) ?? [];
  return [kind, ...cells, ...[links, code, figures].flatMap((list) => [...new Set(list)].sort())];
}

const COMMENT = /(?<![:\w/])\/\/(?!\/).*|\s+$/gm;
const COMMENTS = { js: COMMENT, ts: COMMENT, rust: COMMENT, toml: /#.*|\s+$/gm, sh: /#.*|\s+$/gm };
const withoutComments = ({ language, code }) => code.replaceAll(COMMENTS[language] ?? /(?!)/g, "");

function beginningOf(text) {
  const [line] = text.split("\n");
  return line.length > 90 ? `${line.slice(0, 90)}…` : line;
}
