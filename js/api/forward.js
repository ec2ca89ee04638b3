// A client's `fetch`: an SDK's requests through its pool, bucket, retries and clocks.

import { configError, callSite, LLMError } from "./errors.js";
import { live } from "./life.js";
import { run, runUntil } from "./task.js";

const NULL_BODY = [204, 205, 304];
/** Of an answer's end, so much is kept to find its usage in. */
const TAIL = 4096;

const STATUS = { rate_limited: 429, quota_exhausted: 429, authentication: 401, permission_denied: 403, timeout: 504, connection: 502 };

export function fetchThrough(core) {
  return async function fetch(input, init = {}) {
    const site = callSite(fetch);
    const request = typeof input === "object" && "method" in input ? input : {};
    const url = request.url ?? String(input);
    const method = (init.method ?? request.method ?? "GET").toUpperCase();
    const headers = new Headers(init.headers ?? request.headers);
    const signal = init.signal ?? request.signal ?? undefined;
    const body = await bytesOf(init.body ?? request.body, headers);
    const { model, stream } = wishesOf(body);
    const pairs = [...headers].flat();
    const task = core.forward(method, absolute(url, site), pairs, body, model, stream === true);
    try {
      const [status, names, pieces, cost] = await runUntil(task, signal, site);
      const answer = NULL_BODY.includes(status) ? null : streamOf(pieces, cost, signal);
      return new Response(answer, { status, headers: pairsOf(names) });
    } catch (error) {
      if (!(error instanceof LLMError) || error.kind === "config") throw error;
      return responseOf(error);
    }
  };
}

function absolute(url, site) {
  try {
    return new URL(url).href;
  } catch {
    throw configError([["url", `expected a whole URL, found ${url}`]], site);
  }
}

async function bytesOf(body, headers) {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return new TextEncoder().encode(body);
  const packed = new Response(body); // knows all that a body can be
  const type = packed.headers.get("content-type");
  if (type && !headers.has("content-type")) headers.set("content-type", type);
  return new Uint8Array(await packed.arrayBuffer());
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
  const stop = live(() => pieces.end());
  const end = () => {
    stop();
    signal?.removeEventListener("abort", abort);
  };
  let abort;
  return new ReadableStream({
    start(controller) {
      abort = () => {
        running?.cancel(signal.reason);
        pieces.end();
        end();
        controller.error(signal.reason);
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort);
    },
    async pull(controller) {
      running = run(pieces.next());
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
      pieces.end();
      end();
    },
  });
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
