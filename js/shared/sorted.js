// Members in the order of their scores, then of their names, each found in O(log n).

/** The first place in `list` where `isBefore` no longer holds. */
export function placeIn(list, isBefore) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(list[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Sorted {
  #list = [];
  #scores = new Map();

  get size() {
    return this.#list.length;
  }

  has(member) {
    return this.#scores.has(member);
  }

  /** Adds a member, or moves it. */
  set(member, score) {
    this.delete(member);
    this.#scores.set(member, score);
    this.#list.splice(this.#place(member, score), 0, { member, score });
  }

  /** Whether it was there. */
  delete(member) {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#scores.delete(member);
    this.#list.splice(this.#place(member, score), 1);
    return true;
  }

  /** The first so many members whose score is at most this. */
  upTo(score, most = Infinity) {
    const end = placeIn(this.#list, (one) => one.score <= score);
    return this.#list.slice(0, Math.min(end, most)).map(({ member }) => member);
  }

  /** How many members of one score lie from one name to before another. */
  between(from, to) {
    const before = (name) => placeIn(this.#list, (one) => one.member < name);
    return before(to) - before(from);
  }

  #place(member, score) {
    return placeIn(this.#list, (one) => one.score < score || (one.score === score && one.member < member));
  }
}
