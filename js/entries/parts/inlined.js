// The binary as the text of a module: no file to be found, no request, no await, in whatever bundle it ends up.
import { decoder, text } from "lockkeeper-binary";

const PAGE = 65_536;

const bytesOf = (base64) => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));

/** The binary's bytes, which decoder.wat makes of the text. */
export function binary() {
  // At least a zero stays behind the text: its end.
  const memory = new WebAssembly.Memory({ initial: Math.floor(text.length / PAGE) + 1 });
  const bytes = new Uint8Array(memory.buffer);
  new TextEncoder().encodeInto(text, bytes);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytesOf(decoder)), { "": { memory } });
  return bytes.subarray(0, exports.decode());
}
