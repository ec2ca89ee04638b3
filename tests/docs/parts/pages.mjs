// The pages that people read, and what of them is code.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../../../scripts/run.mjs";

const TOP = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/** Every page, `{ path, text, blocks }`. */
export function allPages() {
  const docs = readdirSync(join(root, "docs"), { recursive: true }).map((name) => `docs/${name.replaceAll("\\", "/")}`);
  return [...TOP, ...docs.filter((path) => path.endsWith(".md")).sort()].map(readPage);
}

function readPage(path) {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, folder: dirname(path), blocks: blocksOf(path, text) };
}

/**
 * The fenced blocks of a page, `{ page, line, language, words, code, file }`. One that follows a line such as
 * "`src/main.rs`:" is that file of the page's project.
 */
function blocksOf(page, text) {
  const lines = text.split("\n");
  const blocks = [];
  for (let at = 0; at < lines.length; at += 1) {
    const [, fence, info] = /^(`{3,})\s*(.*)$/.exec(lines[at]) ?? [];
    if (!fence) continue;
    const end = lines.indexOf(fence, at + 1);
    if (end < 0) throw new Error(`${page}:${at + 1}: a fence that does not close`);
    const [language, ...words] = info.split(/[\s,]+/);
    const code = `${lines.slice(at + 1, end).join("\n")}\n`;
    blocks.push({ page, line: at + 1, language, words, code, file: fileNamedBefore(lines, at) });
    at = end;
  }
  return blocks;
}

function fileNamedBefore(lines, at) {
  const before = lines.slice(0, at).findLast((line) => line.trim());
  return /^`([\w./[\]-]+\.\w+)`.*[:：]$/.exec(before ?? "")?.[1];
}

/** Its place, as editors open it. */
export const placeOf = ({ page, line }) => `${page}:${line}`;

/** The text of a page without its blocks, line by line. */
export function proseOf({ text }) {
  let inside = false;
  return text.split("\n").map((line) => {
    if (line.startsWith("```")) {
      inside = !inside;
      return "";
    }
    return inside ? "" : line;
  });
}

/** The headings of a page, `{ level, title }`. */
export function headingsOf(page) {
  const found = proseOf(page).map((line) => /^(#+) (.*)$/.exec(line)).filter(Boolean);
  return found.map(([, marks, title]) => ({ level: marks.length, title }));
}

/** What follows the # of a link to a heading, as GitHub makes it. */
export function anchorOf(title) {
  const plain = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
  return plain.replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, "").replaceAll(/\s/g, "-");
}
