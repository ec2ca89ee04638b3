// The binary as the text of a module: no file to be found, no request, no await, in whatever bundle it ends up.
import { text } from "lockkeeper-binary";

/** The printable characters of ASCII but `"` and `\` are the digits 0 to 92; 91 and 92 take another one along. */
const digit = (at) => {
  const code = text.charCodeAt(at);
  return code - 32 - (code > 34) - (code > 92);
};

/** The binary's bytes. */
export function binary() {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const first = digit(at);
    bytes[length++] = first < 91 ? first : 91 + (first - 91) * 93 + digit(++at);
  }
  return bytes.subarray(0, length);
}
