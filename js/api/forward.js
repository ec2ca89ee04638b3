// A client's `fetch`: an SDK's requests through its pool, bucket, retries and clocks.

import { configError, callSite, LLMError } from "./errors.js";
import { live } from "./life.js";
import { onAbort, problemOfSignal } from "./signals.js";
import { Run, runUntil } from "./task.js";

const NULL_BODY = [204, 205, 304];
/** Of an answer's end, so much is kept to find its usage in. */
const TAIL = 4096;

const STATUS = { rate_limited: 429, quota_exhausted: 429, authentication: 401, permission_denied: 403, timeout: 504, connection: 502, redirect: 502 };

export function fetchThrough(core) {
  return async function fetch(input, init) {
    const site = callSite(fetch);
    const problems = problemOfSignal(init?.signal);
    if (problems.length) throw configError(problems, site);
    const url = input instanceof Request ? input.url : absolute(input, site);
    // It knows all that a body can be, and refuses what the host's own fetch refuses.
    const request = new Request(input instanceof Request ? input : url, init ?? undefined);
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const { model, stream } = wishesOf(body);
    const task = core.forward(request.method, url, [...request.headers].flat(), body, model, stream === true);
    try {
      const [status, names, pieces, cost] = await runUntil(task, signal, site);
      const headers = pairsOf(names);
      if (!NULL_BODY.includes(status)) return new Response(streamOf(pieces, cost, signal), { status, headers });
      await runUntil(pieces); // there is nothing, and with it the call ends
      return new Response(null, { status, headers });
    } catch (error) {
      if (!(error instanceof LLMError) || error.kind === "config") throw error;
      return responseOf(error);
    }
  };
}

function absolute(url, site) {
  try {
    return new URL(String(url)).href;
  } catch {
    const [shown] = String(url).split(/[?#]/, 1); // what is behind may be a secret
    throw configError([["url", `expected a whole URL, found ${shown}`]], site);
  }
}

/** What a body that is JSON asks for. */
function wishesOf(body) {
  try {
    const { model, stream } = JSON.parse(new TextDecoder().decode(body));
    return { model: typeof model === "string" ? model : undefined, stream };
  } catch {
    return {};
  }
}

const pairsOf = (flat) => flat.flatMap((name, place) => (place % 2 ? [] : [[name, flat[place + 1]]]));

function streamOf(pieces, cost, signal) {
  let running;
  let tail = "";
  const decoder = new TextDecoder();
  const stop = live(() => pieces.cancel());
  const end = () => {
    stop();
    ignore();
  };
  let ignore = () => {};
  const source = {
    start(controller) {
      const abort = () => {
        running?.cancel(signal.reason);
        pieces.cancel();
        end();
        controller.error(signal.reason);
      };
      ignore = onAbort(signal, abort);
      if (signal?.aborted) abort();
    },
    async pull(controller) {
      running = new Run(pieces, true);
      running.start();
      try {
        const bytes = await running.promise;
        if (bytes) {
          tail = (tail + decoder.decode(bytes, { stream: true })).slice(-TAIL);
          return controller.enqueue(bytes);
        }
        count(cost, tail);
        end();
        controller.close();
      } catch (error) {
        end();
        if (!signal?.aborted) controller.error(new TypeError(String(error)));
      }
    },
    cancel() {
      running?.cancel();
      pieces.cancel();
      end();
    },
  };
  // One piece ahead: the end of a small answer is met, and its key free, even if nobody reads it.
  return new ReadableStream(source, { highWaterMark: 2 });
}

/** Counts what the answer says that it cost, wherever in its end it says so. */
function count(cost, tail) {
  const last = (name) => Number([...tail.matchAll(new RegExp(`"${name}":\\s*(\\d+)`, "g"))].at(-1)?.[1] ?? 0);
  cost.count(last("prompt_tokens"), last("completion_tokens"));
}

/** What an SDK is told where no answer came: an error of the kind that it knows, and that it is final. */
function responseOf({ kind, message, code, status, retryAt }) {
  const headers = { "content-type": "application/json", "x-should-retry": "false" };
  if (retryAt) headers["retry-after"] = String(Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)));
  const body = JSON.stringify({ error: { message, type: kind, code: code ?? kind, param: null } });
  return new Response(body, { status: STATUS[kind] ?? status ?? 500, headers });
}
