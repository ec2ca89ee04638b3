// JSON as models write it: with comments, single quotes, bare keys, a comma too many, Python's words, line breaks in texts.
// What is cut by the end of the text is told apart from what is no JSON at all, and read as far as it goes.

const DEEPEST = 128;
const BLANK = /(?:\s+|\/\/[^\n]*|#[^\n]*|\/\*[^]*?\*\/)*/y;
/** What neither is blank nor begins a comment: nearly all that is looked at. */
const SOLID = /[!"$-.0-~]/y;
const OPEN_COMMENT = /\/(?:\*[^]*)?$/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const CUT_NUMBER = /-?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d*)?)?$/y;
const WORD = /[A-Za-z_$][\w$-]*/y;
const PLAIN = { '"': /[^"\\]+/y, "'": /[^'\\]+/y };
const WORDS = new Map([["true", true], ["True", true], ["false", false], ["False", false], ["null", null], ["None", null]]);
const ESCAPES = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", "/": "/", "\\": "\\", '"': '"', "'": "'" };

/** What stands where a value has not begun, or might still change. */
const NOTHING = Symbol("nothing");

/** The text is no JSON. */
const NO_JSON = Symbol("no JSON");

/**
 * Reads the value that begins at `start`: `{ value, end, cut }`. A value that is `cut` ends with the text: it holds what is
 * certain of it, and is absent where that is nothing. Where none begins it gives `{ end, isNone }`: what is too deep to be
 * read need not be tried again before that end.
 */
export function readValue(text, start = 0) {
  const reader = new Reader(text, start);
  try {
    const value = reader.value(0);
    const cut = reader.cut;
    return value === NOTHING ? { end: reader.at, cut } : { value, end: reader.at, cut };
  } catch (error) {
    if (error !== NO_JSON) throw error;
    return { end: reader.isTooDeep ? reader.at : start + 1, isNone: true };
  }
}

class Reader {
  cut = false;
  isTooDeep = false;

  constructor(text, at) {
    this.text = text;
    this.at = at;
  }

  value(depth) {
    if (depth > DEEPEST) {
      this.isTooDeep = true;
      throw NO_JSON;
    }
    this.blank();
    const first = this.text[this.at];
    if (first === "{") return this.object(depth);
    if (first === "[") return this.list(depth);
    if (first === '"' || first === "'") return this.string(first);
    return this.ended() ?? this.number() ?? this.word();
  }

  object(depth) {
    const object = {};
    this.at++;
    for (;;) {
      this.blank();
      if (this.takes("}") || this.ended()) return object;
      const key = this.key();
      this.blank();
      if (this.ended()) return object;
      if (!this.takes(":")) throw NO_JSON;
      const value = this.value(depth + 1);
      if (value !== NOTHING) put(object, key, value);
      if (this.closes("}")) return object;
    }
  }

  list(depth) {
    const list = [];
    this.at++;
    for (;;) {
      this.blank();
      if (this.takes("]") || this.ended()) return list;
      const value = this.value(depth + 1);
      if (value !== NOTHING) list.push(value);
      if (this.closes("]")) return list;
    }
  }

  /** Whether the list or object ends behind this value; else its next member follows a comma. */
  closes(bracket) {
    this.blank();
    if (this.takes(bracket) || this.ended()) return true;
    if (this.takes(",")) return false;
    throw NO_JSON;
  }

  key() {
    const first = this.text[this.at];
    if (first === '"' || first === "'") return this.string(first);
    const word = this.match(WORD);
    if (word === undefined) throw NO_JSON;
    return word;
  }

  string(quote) {
    let text = "";
    this.at++;
    for (;;) {
      text += this.match(PLAIN[quote]) ?? "";
      if (this.takes(quote)) return wellFormed(text);
      const piece = this.ended() ? undefined : this.escape();
      if (piece === undefined) return wellFormed(text.replace(/[\ud800-\udbff]$/, "")); // its other half is to come
      text += piece;
    }
  }

  /** What a backslash and what follows it mean; `undefined` where they are cut. */
  escape() {
    const letter = this.text[this.at + 1];
    const hex = letter === "u" ? /[\da-fA-F]{0,4}/y : undefined;
    if (hex) hex.lastIndex = this.at + 2;
    const digits = hex?.exec(this.text)[0] ?? "";
    if (letter === undefined || (hex && digits.length < 4 && this.at + 2 + digits.length === this.text.length)) {
      this.at = this.text.length;
      this.cut = true;
      return undefined;
    }
    if (digits.length === 4) {
      this.at += 6;
      return String.fromCharCode(parseInt(digits, 16));
    }
    this.at += 1;
    if (!(letter in ESCAPES)) return "\\"; // it was meant as it is written
    this.at += 1;
    return ESCAPES[letter];
  }

  /** A number, where one is: it may grow as long as nothing stands behind it. */
  number() {
    CUT_NUMBER.lastIndex = this.at;
    if (CUT_NUMBER.test(this.text)) return this.end();
    const number = this.match(NUMBER);
    return number === undefined ? undefined : Number(number);
  }

  word() {
    const word = this.match(WORD);
    if (word === undefined) throw NO_JSON;
    if (WORDS.has(word)) return WORDS.get(word);
    const isBegun = this.at === this.text.length && [...WORDS.keys()].some((whole) => whole.startsWith(word));
    if (!isBegun) throw NO_JSON;
    return this.end();
  }

  blank() {
    SOLID.lastIndex = this.at;
    if (SOLID.test(this.text)) return;
    this.match(BLANK);
    OPEN_COMMENT.lastIndex = this.at;
    if (OPEN_COMMENT.test(this.text)) this.at = this.text.length;
  }

  takes(character) {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** Nothing, and a note that the value is cut, at the end of the text. */
  ended() {
    return this.at >= this.text.length ? this.end() : undefined;
  }

  end() {
    this.at = this.text.length;
    this.cut = true;
    return NOTHING;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }
}

/** Sets a member; `__proto__` is a name like any other. */
function put(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Half a character is none: what is sent on must be text. */
const wellFormed = (text) => text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
