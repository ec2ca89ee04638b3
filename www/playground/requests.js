// Every request that the client was asked for, made of its events: what it waited for, what was tried, how it ended.

/** What a call waits for, as the timeline shows it: its turn at the bucket, a key that is free to go, the next try. */
const SPAN_OF_WAIT = { token: "queue", budget: "queue", concurrency: "queue", key: "keyless", retry: "rest" };
const WAITS = new Set(Object.values(SPAN_OF_WAIT));
/** So long nothing is under way before a new busy time begins, in seconds. */
const PAUSE = 5;
const ENDS = { succeeded: "answered", failed: "failed", cancelled: "stopped" };

export const isWait = ({ kind }) => WAITS.has(kind);

export class Requests {
  /** In the order of their numbers. */
  list = [];
  /** How many are under way. */
  open = 0;
  /** Grows with every change. */
  version = 0;
  /** When the present busy time began: with the first request after a pause. */
  since = 0;
  /** When the last request ended. */
  lastEnd = -PAUSE;

  /** Takes an event of a client, told at `now`, in seconds. */
  add(name, event, now) {
    const request = this.list[event.call] ?? this.#begin(event.call, now);
    request.events.push({ name, event, at: now });
    STEPS[name](request, event, now);
    if (name === "end") this.#end(now);
    this.version++;
  }

  #begin(number, now) {
    if (this.open === 0 && now - this.lastEnd >= PAUSE) this.since = now;
    this.open++;
    // Calls that were made before this one and have not been read yet begin later: their places are kept.
    while (this.list.length < number) this.list.push(undefined);
    return (this.list[number] = { number, begun: now, state: "waiting", attempts: 0, waited: 0, spans: [], events: [] });
  }

  #end(now) {
    this.open--;
    this.lastEnd = now;
  }

  /** Those that have begun, oldest first. */
  *[Symbol.iterator]() {
    for (const request of this.list) if (request) yield request;
  }

  clear() {
    Object.assign(this, { list: [], open: 0, since: 0, lastEnd: -PAUSE, version: this.version + 1 });
  }
}

/** What each event does to its request. */
const STEPS = {
  wait(request, event, now) {
    close(request, now);
    request.state = "waiting";
    request.spans.push({ kind: SPAN_OF_WAIT[event.for], from: now });
  },
  attempt(request, { keyLabel }, now) {
    close(request, now);
    request.state = "sent";
    request.attempts++;
    request.key = keyLabel;
    request.spans.push({ kind: "sent", key: keyLabel, from: now });
  },
  headers() {},
  firstToken(request, { keyLabel, seconds }, now) {
    close(request, now);
    request.state = "answering";
    request.firstToken ??= seconds;
    request.spans.push({ kind: "stream", key: keyLabel, from: now });
  },
  failure(request, { kind }, now) {
    close(request, now);
    const last = request.spans.at(-1);
    if (last) last.failure = kind;
  },
  end(request, { outcome, keyLabel }, now) {
    close(request, now);
    request.state = ENDS[outcome];
    request.key = keyLabel ?? request.key;
    request.ended = now;
  },
};

/** Ends what a request was doing. */
function close(request, now) {
  const last = request.spans.at(-1);
  if (!last || last.to !== undefined) return;
  last.to = now;
  if (isWait(last)) request.waited += now - last.from;
}
