// Whose request still lives. An edge isolate drops a request that has lost its caller without a word: its
// timers never ring, nothing of it is ever run again, and what it held would be held for ever. So there each
// call and each open stream has a heart that beats, and those that live let go of what the dead have held.

import { hosted } from "./host.js";

const BEAT = 200; // milliseconds
const MOST_MISSED = 5;
const LONGEST_SILENCE = 10_000;

const living = new Set();
let swept = 0;

/** From now on, `release` is called if the request dies. Returns a function that ends this. */
export function live(release) {
  if (!hosted.isolates) return () => {};
  sweep(LONGEST_SILENCE);
  const one = { missed: 0, beaten: Date.now(), release };
  living.add(one);
  const beat = setInterval(() => {
    Object.assign(one, { missed: 0, beaten: Date.now() });
    sweep(Infinity);
  }, BEAT);
  return () => {
    clearInterval(beat);
    living.delete(one);
  };
}

/**
 * Lets go of the dead. Those who live count each other's beats, not time: a machine that was asleep must not kill
 * those who were, too. Who comes when nobody has lived for long goes by the silence.
 */
function sweep(silence) {
  const now = Date.now();
  if (now - swept < BEAT) return;
  swept = now;
  for (const one of living) {
    one.missed += 1;
    if (one.missed <= MOST_MISSED && now - one.beaten <= silence) continue;
    living.delete(one);
    one.release();
  }
}
