// Writes bytes as a JavaScript string literal that every bundler, charset and page leaves as it is.
//
// Only printable ASCII, so that nothing escapes or misreads it. A byte is one digit, or from 91 on two: unlike in
// base64, equal bytes stay equal text, and what compresses the bytes compresses the text as well. After Brotli the
// text is 2 to 3 % larger than the bytes; base64 is 30 % larger.

import { Failure } from "./run.mjs";

const DIGITS = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter((digit) => !'"\\'.includes(digit));
const PAIRS = 91; // from this byte on there are two digits, the first of them this one or the next

const written = (byte) =>
  byte < PAIRS ? DIGITS[byte] : DIGITS[PAIRS + Math.floor((byte - PAIRS) / DIGITS.length)] + DIGITS[(byte - PAIRS) % DIGITS.length];

/** The literal, with its quotes. `js/entries/parts/decoder.wat` reads it. */
export function wasmText(bytes) {
  const text = Array.from(bytes, written).join("");
  // Either would end a script that stands in a page.
  if (/<\/script|<!--/i.test(text)) throw new Failure("the binary's text contains what ends an inline script; change the digits");
  return `"${text}"`;
}
