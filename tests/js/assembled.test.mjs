// Streams and the answers that they make: the same cases as the library's own, in tests/assembled.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { ChatStream } from "lockkeeper";

const cases = JSON.parse(readFileSync(new URL("../assembled/cases.json", import.meta.url), "utf8"));

for (const { name, messages, chunks, answer } of cases) {
  test(name, async () => {
    const { object, ...result } = withoutNulls(await ChatStream.from(chunks, messages).result());
    const { object: _, ...expected } = answer;
    assert.equal(object, "chat.completion");
    assert.deepEqual(result, expected);
  });
}

function withoutNulls(value) {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)]));
}
