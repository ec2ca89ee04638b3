// Whose request still lives. An edge isolate drops a request that has lost its caller without a word: its
// timers never ring, nothing of it is ever run again, and what it held would be held for ever. So there each
// call and each open stream has a heart that beats, and those that live let go of what the dead have held.

import { hosted } from "./host.js";

const BEAT = 200; // milliseconds
const MOST_MISSED = 5;

const living = new Set();
let swept = 0;

/** From now on, `release` is called if the request dies. Returns a function that ends this. */
export function live(release) {
  if (!hosted.isolates) return () => {};
  const one = { missed: 0, release };
  living.add(one);
  const beat = setInterval(() => {
    one.missed = 0;
    sweep();
  }, BEAT);
  return () => {
    clearInterval(beat);
    living.delete(one);
  };
}

/** Counts the beats of others, not time: a machine that was asleep must not kill those who were, too. */
function sweep() {
  const now = Date.now();
  if (now - swept < BEAT) return;
  swept = now;
  for (const one of living) {
    one.missed += 1;
    if (one.missed <= MOST_MISSED) continue;
    living.delete(one);
    one.release();
  }
}
