// The rules of a shared state, for stores that run JavaScript: one request in, one answer out, and nothing comes
// between. src/shared_state/redis.lua has the same rules for Redis; tests/shared_state/cases.json holds both to them.

import { Sorted } from "./sorted.js";

const SECOND = 1_000_000; // times are in microseconds
const GRACE = SECOND; // who looks later than that is passed over
const AGEING = 10 * SECOND; // a step of priority is worth so long a wait
const CALLER_STAYS = 60 * SECOND; // after its last request
const KEY_STAYS = 3600 * SECOND; // after its last use
const LONGEST_REST = 24 * 3600 * SECOND;
const LOOKS_AGAIN = SECOND; // whoever waits looks again after that, or after a tenth of its wait
const SLOT_LOOK = 0.05 * SECOND; // nobody knows when a request ends: the first in line looks so often
const ROUNDING = 1e-6; // what rounding may take from a token
const MOST_ENDED = 1000; // at once

/** Refused or out of credit, rather than limited for a while. */
const isRefused = ({ why }) => why === "exhausted" || why === "dead";

const isKnown = (value) => typeof value === "number";

export class Rules {
  #request;
  #now;
  #number = 0;
  #buckets = new Map();
  #keys = new Map();
  #pools = new Map();
  /** What ends when. */
  #ends = new Sorted();
  /** Who waits in which line. */
  #lines = new Sorted();
  #callers = new Sorted();

  /** With what {@link saved} gave, if that is there. */
  constructor({ buckets = [], keys = [] } = {}) {
    for (const [name, bucket] of buckets) this.#setBucket(name, bucket);
    for (const [name, key] of keys) this.#setKey({ ...key, name, busy: 0, used: 0 });
  }

  /**
   * What must outlive this object: levels, and what is held against keys. Leases come back when they are renewed, and
   * whoever waits when it looks again.
   */
  saved() {
    const keys = [...this.#keys].filter(([, { why }]) => why).map(([name, { rest, why }]) => [name, { rest, why }]);
    return { buckets: [...this.#buckets], keys };
  }

  /** Answers a request at this moment, in microseconds. */
  answer(request, now) {
    [this.#request, this.#now] = [request, now];
    this.#reap();
    if (request.caller && request.op !== "leave") this.#callers.set(request.caller, now + CALLER_STAYS);
    const answer = this.#operations[request.op]();
    return { ...answer, processes: this.#callers.size };
  }

  #operations = {
    ask: () => this.#ask(),
    release: () => this.#release(),
    renew: () => this.#renew(),
    rest: () => {
      this.#rest(this.#request.key, this.#request.rest, this.#request.why);
      return {};
    },
    // What was set aside is told for what it was: given back, or owed.
    settle: () => {
      const { limits, key_limits, key } = this.#request;
      this.#take(limits, "");
      this.#take(key_limits, `:${key}`);
      return {};
    },
    leave: () => {
      const { ticket, caller } = this.#request;
      if (ticket) this.#leave(ticket);
      if (caller) this.#callers.delete(caller);
      return {};
    },
  };

  // ------------------------------------------------------------------------------------------- what ends when

  /** A bucket's level; full where nobody has used it for long enough. */
  #levelOf(name, capacity, rate) {
    const bucket = this.#buckets.get(name);
    if (!bucket) return capacity;
    return Math.min(capacity, bucket.level + (Math.max(0, this.#now - bucket.updated) / SECOND) * rate);
  }

  #setLevel(name, capacity, rate, wanted) {
    const level = Math.min(wanted, capacity);
    const full = this.#now + Math.ceil(((capacity - level) / rate) * SECOND) + SECOND;
    this.#setBucket(name, { level, updated: this.#now, full });
  }

  #setBucket(name, bucket) {
    this.#buckets.set(name, bucket);
    this.#ends.set(`b|${name}`, bucket.full);
  }

  /** A key: requests in flight, its last use, until when it rests, and why. */
  #keyOf(name) {
    return this.#keys.get(name) ?? { name, busy: 0, used: 0, rest: 0, why: undefined };
  }

  #setKey(key) {
    this.#keys.set(key.name, key);
    this.#ends.set(`k|${key.name}`, Math.max(key.rest, this.#now ?? 0) + KEY_STAYS);
  }

  #count(lease, by) {
    const { key: name, pool } = partsOf(lease);
    const key = this.#keyOf(name);
    this.#setKey({ ...key, busy: Math.max(0, key.busy + by) });
    const busy = (this.#pools.get(pool) ?? 0) + by;
    if (busy > 0) this.#pools.set(pool, busy);
    else this.#pools.delete(pool);
  }

  #endKey(name) {
    const key = this.#keyOf(name);
    if (key.busy > 0) return this.#setKey(key);
    this.#keys.delete(name);
    this.#ends.delete(`k|${name}`);
  }

  /** Lets go of what has ended, the oldest first. */
  #reap() {
    for (const what of this.#ends.upTo(this.#now, MOST_ENDED)) {
      const [kind, name] = [what[0], what.slice(2)];
      if (kind === "k") this.#endKey(name);
      else {
        this.#ends.delete(what);
        if (kind === "l") this.#count(what, -1);
        if (kind === "w") this.#lines.delete(name);
        if (kind === "b") this.#buckets.delete(name);
      }
    }
    for (const caller of this.#callers.upTo(this.#now)) this.#callers.delete(caller);
  }

  // ---------------------------------------------------------------------------------------------------- lines

  /** A ticket is `line|rank and number`, in digits that sort as they count. */
  #rankOf(ticket) {
    const rank = /\|(\d+)$/.exec(ticket ?? "")?.[1];
    if (rank) return rank;
    const digits = (number, length) => String(number).padStart(length, "0");
    return digits(this.#now - (this.#request.priority ?? 0) * AGEING, 16) + digits(++this.#number, 10);
  }

  #leave(ticket) {
    this.#lines.delete(ticket);
    this.#ends.delete(`w|${ticket}`);
  }

  /** How many stand before this rank. */
  #aheadOf(line, rank) {
    return this.#lines.between(`${line}|`, `${line}|${rank}`);
  }

  /** Stands in a line, if the wait is worth beginning. */
  #wait(line, rank, microseconds, reason, why) {
    const length = Math.ceil(microseconds);
    const look = Math.min(length, Math.max(LOOKS_AGAIN, Math.ceil(length / 10)));
    const answer = { wait: length / SECOND, look: look / SECOND, reason };
    if (why) answer.why = why;
    if (answer.wait > this.#request.patience) return answer;
    const ticket = `${line}|${rank}`;
    this.#lines.set(ticket, 0);
    this.#ends.set(`w|${ticket}`, this.#now + look + GRACE);
    return { ...answer, ticket };
  }

  // --------------------------------------------------------------------------------------------------- asking

  /**
   * What the answer is where a bucket has not enough for this rank. Of permits everybody takes one; of LLM tokens nobody
   * knows what those ahead want, so that nobody passes them.
   */
  #blocked([name, capacity, rate, amount], rank, reason) {
    const [level, ahead] = [this.#levelOf(name, capacity, rate), this.#aheadOf(name, rank)];
    const need = amount === 1 ? ahead + 1 : amount;
    if (level + ROUNDING >= need && (amount === 1 || ahead === 0)) return undefined;
    return this.#wait(name, rank, Math.max(((need - level) / rate) * SECOND, ahead > 0 ? SLOT_LOOK : 1), reason);
  }

  /** When a key may be used, as far as that is known. */
  #readyAt(key) {
    let moment = key.rest;
    for (const [name, capacity, rate, amount] of this.#request.key_limits ?? []) {
      const missing = amount - this.#levelOf(`${name}:${key.name}`, capacity, rate);
      if (missing > ROUNDING) moment = Math.max(moment, this.#now + Math.ceil((missing / rate) * SECOND));
    }
    return moment;
  }

  /**
   * The least loaded key, of those the one used longest ago; how many slots are free on all together, `undefined` while
   * all keys rest; and when the first of them will be ready, and why it is not.
   */
  #lookAtKeys() {
    const { keys, per_key, per_pool, pool } = this.#request;
    let best, free, first, cooling, why;
    for (const name of keys) {
      const key = this.#keyOf(name);
      const moment = this.#readyAt(key);
      if (moment > this.#now) {
        first = Math.min(first ?? moment, moment);
        cooling ||= !(isRefused(key) && key.rest > this.#now);
        if (why !== "exhausted" && key.why) why = key.why;
        continue;
      }
      // One call at a time tests a key that was refused.
      const most = isRefused(key) ? 1 : per_key;
      const room = isKnown(most) ? Math.max(0, most - key.busy) : Infinity;
      free = (free ?? 0) + room;
      const isBetter = !best || key.busy < best.busy || (key.busy === best.busy && key.used < best.used);
      if (room > 0 && isBetter) best = key;
    }
    if (free !== undefined && isKnown(per_pool)) free = Math.min(free, per_pool - (this.#pools.get(pool) ?? 0));
    return { best, free, first, why: cooling ? "cooling" : (why ?? "cooling") };
  }

  #take(limits, suffix) {
    for (const [name, capacity, rate, amount] of limits ?? []) {
      const whole = name + suffix;
      this.#setLevel(whole, capacity, rate, this.#levelOf(whole, capacity, rate) - amount);
    }
  }

  #grant(key) {
    const { limits, key_limits, pool, ttl } = this.#request;
    this.#take(limits, "");
    this.#take(key_limits, `:${key.name}`);
    const used = ++this.#number;
    const lease = `l|${used}|${key.name}|${pool}`;
    this.#setKey({ ...key, used });
    this.#count(lease, 1);
    this.#ends.set(lease, this.#now + ttl * SECOND);
    return { key: key.name, lease };
  }

  #ask() {
    const { ticket, spent, limits, pool } = this.#request;
    const rank = this.#rankOf(ticket);
    if (ticket) this.#leave(ticket);
    this.#take(spent, "");
    for (const [place, limit] of limits.entries()) {
      const answer = this.#blocked(limit, rank, place === 0 ? "token" : "budget");
      if (answer) return answer;
    }
    const { best, free, first, why } = this.#lookAtKeys();
    const line = `s:${pool}`;
    if (free === undefined) return this.#wait(line, rank, first - this.#now, "key", why);
    const ahead = this.#aheadOf(line, rank);
    if (best && free > ahead) return this.#grant(best);
    return this.#wait(line, rank, SLOT_LOOK * (ahead - Math.min(free, ahead) + 1), "concurrency");
  }

  // ------------------------------------------------------------------------------------------ everything else

  /** Rests, unless something that weighs more is held against the key. */
  #rest(name, seconds, why) {
    const key = this.#keyOf(name);
    const moment = this.#now + Math.min(Math.ceil(seconds * SECOND), LONGEST_REST);
    if (why === "cooling" && isRefused(key) && key.rest > this.#now) return;
    this.#setKey({ ...key, rest: why === key.why ? Math.max(moment, key.rest) : moment, why });
  }

  /** Its key has answered: only a test made after a refusal lifts it, not an answer that was under way before. */
  #works(name) {
    const key = this.#keyOf(name);
    if (key.why && key.rest <= this.#now) this.#setKey({ ...key, rest: 0, why: undefined });
  }

  #release() {
    const { lease, works, rest, why, limits, key_limits } = this.#request;
    const { key } = partsOf(lease);
    if (this.#ends.delete(lease)) this.#count(lease, -1);
    if (works) this.#works(key);
    if (isKnown(rest)) this.#rest(key, rest, why);
    this.#take(limits, "");
    this.#take(key_limits, `:${key}`);
    return {};
  }

  /** A lease that has run out while its holder could not be heard is taken up again. */
  #renew() {
    for (const lease of this.#request.leases) {
      if (!this.#ends.has(lease)) this.#count(lease, 1);
      this.#ends.set(lease, this.#now + this.#request.ttl * SECOND);
    }
    return {};
  }
}

/** A lease is its own record: `l|number|key|pool`. */
function partsOf(lease) {
  const [, key, pool] = /^l\|\d+\|([^|]*)\|(.*)$/.exec(lease);
  return { key, pool };
}
