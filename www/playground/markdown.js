// Markdown as elements. No text is ever taken for HTML: what a model writes cannot become more than these elements.

import { make } from "../dom.js";
import { markdownLexer } from "../lib.js";

const SAFE_LINK = /^(https?:|mailto:)/i;
const ENTITY = /&(?:#\d+|#x[\da-f]+|\w+);/gi;

/** Shows a text that grows: only the blocks that have changed are made anew. */
export class Markdown {
  #element;
  #shown = []; // the source of each block that shows

  constructor(element) {
    this.#element = element;
  }

  /** Shows this text, plainly where what reads Markdown cannot be had. */
  async show(text) {
    const lexer = await markdownLexer().catch(() => undefined);
    const blocks = lexer ? lexer(text).filter((token) => token.type !== "space") : [{ type: "text", raw: text, text }];
    const same = blocks.findIndex((block, i) => block.raw !== this.#shown[i]);
    const from = same < 0 ? blocks.length : same;
    while (this.#element.children.length > from) this.#element.lastChild.remove();
    this.#element.append(...blocks.slice(from).map(blockOf));
    this.#shown = blocks.map((block) => block.raw);
  }
}

function blockOf(token) {
  return (BLOCKS[token.type] ?? BLOCKS.text)(token);
}

const BLOCKS = {
  heading: (token) => Object.assign(make("h3", "", ...inline(token)), { className: `depth-${token.depth}` }),
  paragraph: (token) => make("p", "", ...inline(token)),
  text: (token) => make("p", "", ...inline(token)),
  hr: () => make("hr"),
  blockquote: (token) => make("blockquote", "", ...token.tokens.filter(isBlock).map(blockOf)),
  code: (token) => {
    const code = make("pre", "", make("code", "", token.text));
    code.tabIndex = 0; // it may be wider than the page, and is scrolled by keyboard
    code.setAttribute("role", "group");
    code.ariaLabel = token.lang ? `Code, ${token.lang}` : "Code";
    return code;
  },
  list: (token) => {
    const list = make(token.ordered ? "ol" : "ul", "", ...token.items.map(itemOf));
    if (token.ordered && token.start !== 1) list.start = token.start;
    return list;
  },
  table: (token) => {
    const row = (cells, tag) => make("tr", "", ...cells.map((cell) => cellOf(cell, tag)));
    const body = token.rows.map((cells) => row(cells, "td"));
    return make("div", "wide", make("table", "", make("thead", "", row(token.header, "th")), make("tbody", "", ...body)));
  },
};

const isBlock = (token) => token.type !== "space";

/** An item's text stands in it as it is; what else it has, as blocks. */
function itemOf(item) {
  const parts = item.tokens.filter(isBlock).flatMap((token) => (token.type === "text" ? inline(token) : [INLINE[token.type]?.(token) ?? blockOf(token)]));
  return make("li", item.task ? "task" : "", ...parts);
}

function cellOf(cell, tag) {
  const element = make(tag, cell.align ? `to-${cell.align}` : "", ...inline(cell));
  if (tag === "th") element.scope = "col";
  return element;
}

function inline(token) {
  if (!token.tokens) return [plain(token.text ?? token.raw)];
  return token.tokens.map((part) => (INLINE[part.type] ?? INLINE.text)(part));
}

const INLINE = {
  text: (token) => (token.tokens ? make("span", "", ...inline(token)) : plain(token.text)),
  escape: (token) => token.text,
  html: (token) => token.raw,
  strong: (token) => make("strong", "", ...inline(token)),
  em: (token) => make("em", "", ...inline(token)),
  del: (token) => make("del", "", ...inline(token)),
  codespan: (token) => make("code", "", token.text),
  br: () => make("br"),
  checkbox: (token) => (token.checked ? "☑ " : "☐ "),
  link: (token) => linkTo(token.href, inline(token)),
  image: (token) => linkTo(token.href, [`Image: ${token.text || token.href}`]), // it is not fetched
};

function linkTo(href, content) {
  if (!SAFE_LINK.test(href)) return make("span", "", ...content);
  return Object.assign(make("a", "", ...content), { href, target: "_blank", rel: "noopener noreferrer" });
}

/** A text with its entities read, each by itself, in a document that runs and loads nothing. */
function plain(text) {
  return text.replace(ENTITY, (entity) => new DOMParser().parseFromString(entity, "text/html").body.textContent);
}
