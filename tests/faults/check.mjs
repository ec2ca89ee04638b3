// Compares what was seen with what the table says, as check.rs does.

import assert from "node:assert/strict";
import { camelCase } from "../../js/api/errors.js";

/** The wait before the first retry, in seconds. */
export const RETRY_DELAY = 0.05;

// How far from what is planned something may be, in seconds: later, for want of processors; earlier, by a coarse clock;
// and later at the provider than at the client, which has begun to count by then.
const LATE = 5;
const EARLY = 0.005;
const LAG = 0.15;

/** Fails where something is not as the table says; `whole` is the answer as it should be. */
export function check(expect, { outcomes, took, counted, inFlight }, requests, backupRequests, whole) {
  for (const { error, ...answer } of outcomes) {
    if (expect.answer) checkAnswer(expect, answer, error, whole);
    else checkError(expect, error, whole);
  }
  if (expect.answer) checkCounts(expect, outcomes, counted);
  checkRequests(expect, requests);
  assert.equal(backupRequests.length, expect.backup ?? 0, "requests to the backup");
  const [least, most] = timeOf(expect);
  holds("took", took, least - EARLY, most + LATE);
  assert.equal(inFlight, 0, "keys are still in use");
}

function checkAnswer({ by }, answer, error, whole) {
  assert.equal(answer.answer, whole, error && `an error, not an answer: ${JSON.stringify(error)}`);
  if (by) assert.equal(answer.by, by, "answered by");
}

/** What was answered is counted for the one who answered; and what was given up, for the primary. */
function checkCounts({ restarted }, outcomes, counted) {
  for (const [n, name] of ["primary", "backup"].entries()) {
    const answered = outcomes.filter(({ by }) => by === name).reduce((sum, { tokens }) => sum + tokens, 0);
    const isMore = restarted && name === "primary";
    const count = counted[n] ?? 0;
    assert.ok(isMore ? count > answered : count === answered, `${name} is counted with ${count} tokens, answered ${answered}`);
  }
}

function checkError(expect, error, whole) {
  assert.ok(error, "an answer, not an error");
  const { typed, kind, clock, status, partial, attempts, showsKey, retryIn, code } = error;
  const isPartial = partial !== "" && partial !== whole && whole.startsWith(partial);
  assert.deepEqual(
    { typed, kind, clock, status, isPartial, attempts, showsKey, hasRetryAt: retryIn !== undefined },
    {
      typed: true,
      kind: expect.error,
      clock: expect.clock && camelCase(expect.clock),
      status: expect.status,
      isPartial: expect.partial ?? false,
      attempts: expect.requests + (expect.backup ?? 0),
      showsKey: false,
      hasRetryAt: expect.retry_in !== undefined,
    },
    JSON.stringify(error),
  );
  if (expect.code) assert.equal(code, expect.code);
  // It is told from when the last answer came, and read when the call was over.
  if (expect.retry_in === undefined) return;
  const [least, most] = rangeOf(expect.retry_in, expect.requests - 1);
  holds("retryAt, in seconds,", retryIn, least - LATE, most + EARLY);
}

function checkRequests(expect, requests) {
  assert.equal(requests.length, expect.requests, "requests");
  if (expect.keys) assert.deepEqual(requests.map(({ key_label }) => Number(key_label.slice(1))), expect.keys);
  const gaps = gapsOf(expect);
  assert.equal(gaps.length, Math.max(requests.length - 1, 0), "waits");
  for (const [n, [least, most]] of gaps.entries()) {
    const gap = (requests[n + 1].started_ms - requests[n].started_ms) / 1000;
    holds(`wait ${n + 1}`, gap, least - EARLY - (expect.lasts ? LAG : 0), most + LATE);
  }
  const { finished } = requests.at(-1) ?? {};
  if (expect.hung_up || expect.answer) assert.equal(finished === "client_closed", expect.hung_up ?? false, `the client hung up: ${finished}`);
}

function holds(what, value, least, most) {
  assert.ok(value >= least && value <= most, `${what} ${value} s, not from ${least} to ${most}`);
}

/** The least and the most time from one request to the next, for each of them but the first. */
function gapsOf({ gaps = [], requests, lasts = 0 }) {
  const waits = Array.isArray(gaps) ? gaps : Array(requests - 1).fill(gaps);
  return waits.map(rangeOf).map(([least, most]) => [lasts + least, lasts + most]);
}

/** The least and the most of a wait, where it is the one before this retry, counted from 0. */
function rangeOf(wait, n) {
  if (wait === "at once") return [0, 0];
  const full = RETRY_DELAY * 2 ** n;
  if (wait === "backoff") return [full / 2, full];
  return Array.isArray(wait) ? wait : [wait, wait];
}

/** The least and the most time until the caller knows. */
function timeOf(expect) {
  const last = (expect.answer && expect.by !== "backup" ? expect.takes : expect.lasts) ?? 0;
  return gapsOf(expect).reduce(([a, b], [least, most]) => [a + least, b + most], [last, last]);
}
