// The binary as the text of a module: no file to be found, no request, no await, in whatever bundle it ends up.
import { text } from "lockkeeper-binary";

const PAIRS = 91;
const LAST_DIGIT = 126;

/** The printable characters of ASCII but `"` and `\` are the digits 0 to 92. */
function digits() {
  const digits = new Uint8Array(LAST_DIGIT + 1);
  for (let code = 32, digit = 0; code <= LAST_DIGIT; code++) if (code !== 34 && code !== 92) digits[code] = digit++;
  return digits;
}

/** The binary's bytes: a digit each, or two where the first is 91 or 92. In place, and with no call: it runs once, cold. */
export function binary() {
  const bytes = new TextEncoder().encode(text);
  const digitOf = digits();
  const end = bytes.length;
  let length = 0;
  for (let at = 0; at < end; ) {
    const first = digitOf[bytes[at++]];
    bytes[length++] = first < PAIRS ? first : PAIRS + (first - PAIRS) * 93 + digitOf[bytes[at++]];
  }
  return bytes.subarray(0, length);
}
