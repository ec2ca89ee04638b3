// The pages as wholes: what they link to is there, and the README says the same in both languages.

import { existsSync } from "node:fs";
import { join, normalize } from "node:path";
import { root } from "../../../scripts/run.mjs";
import { differencesOf, outlineOf } from "../parts/outline.mjs";
import { anchorOf, headingsOf, proseOf } from "../parts/pages.mjs";

export function test({ pages }) {
  const [english, chinese] = ["README.md", "README.zh-CN.md"].map((path) => pages.find((page) => page.path === path));
  return [
    { name: "links lead somewhere", problem: pages.flatMap((page) => deadLinks(page, pages)).join("\n") },
    { name: "the README says the same in Chinese", problem: differences(english, chinese) },
    { name: "and each leads to the other", problem: lead(english, chinese) && lead(chinese, english) ? "" : "a link is missing" },
  ];
}

function deadLinks(page, pages) {
  return linksOf(page).filter((link) => !leads(link, page, pages)).map((link) => `${page.path}: ${link}`);
}

function leads(link, page, pages) {
  if (/^(https?|mailto):/.test(link)) return true;
  const [path, anchor] = link.split("#");
  const target = path ? normalize(join(page.folder, path)).replaceAll("\\", "/") : page.path;
  if (!existsSync(join(root, target))) return false;
  const other = pages.find(({ path }) => path === target);
  return !anchor || !other || headingsOf(other).some(({ title }) => anchorOf(title) === anchor);
}

const linksOf = (page) => [...proseOf(page).join("\n").matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]);
const lead = (from, to) => linksOf(from).includes(to.path);

/** Every part of a page that the other lacks: a heading, row, item, paragraph or block of code, by its links, code and figures. */
function differences(one, other) {
  return differencesOf(outlineOf(one), outlineOf(other)).flatMap(linesOf).join("\n");
}

function linesOf({ left, right, after = [] }) {
  if (left.length === right.length) return left.map((part, at) => `${part.place} and ${right[at].place} differ: ${details(part, right[at])}`);
  const alone = (parts, before) => parts.map(({ place, text }) => `${place} has no counterpart ${before ? `after ${before.place}` : "at the beginning"}: ${text}`);
  return [...alone(left, after[1]), ...alone(right, after[0])];
}

/** The words or lines of code that only one of the two has. */
function details(part, other) {
  const only = ({ page, signs }, { signs: others }) => `${page} alone has ${signs.filter((sign) => !others.includes(sign)).map((sign) => JSON.stringify(sign)).join(", ") || "nothing"}`;
  return `${only(part, other)}, ${only(other, part)}`;
}
