// The errors: one class for each kind, so that both `instanceof` and `switch (error.kind)` work.

import { causeOf } from "./causes.js";

/** The error of every operation in this library. */
export class LLMError extends Error {
  kind = "server";
  attempts = [];

  constructor(message, details) {
    const { cause, ...rest } = details ?? {};
    super(message, cause === undefined ? undefined : { cause });
    for (const [name, value] of Object.entries(rest)) if (value !== undefined) this[name] = value;
  }
}

/** The name is data, so that minifiers leave it alone, and can be set, as that of other errors. */
function named(of, title) {
  Object.defineProperty(of, "name", { value: title });
  Object.defineProperty(of.prototype, "name", { value: title, writable: true, configurable: true });
  return of;
}

named(LLMError, "LLMError");

const BY_KIND = {};

function kindOf(title, kind, defaults) {
  const type = class extends LLMError {
    constructor(message, details) {
      super(message, { ...defaults, ...details, kind });
    }
  };
  return (BY_KIND[kind] = named(type, title));
}

export const ConfigError = kindOf("ConfigError", "config", { problems: [] });
export const InvalidRequestError = kindOf("InvalidRequestError", "invalid_request");
export const AuthenticationError = kindOf("AuthenticationError", "authentication");
export const PermissionDeniedError = kindOf("PermissionDeniedError", "permission_denied");
export const NotFoundError = kindOf("NotFoundError", "not_found");
export const RateLimitError = kindOf("RateLimitError", "rate_limited");
export const QuotaExhaustedError = kindOf("QuotaExhaustedError", "quota_exhausted");
export const ContextLengthError = kindOf("ContextLengthError", "context_length_exceeded");
export const ContentPolicyError = kindOf("ContentPolicyError", "content_policy");
export const ServerError = kindOf("ServerError", "server");
export const ConnectionError = kindOf("ConnectionError", "connection");
export const TimeoutError = kindOf("TimeoutError", "timeout");
export const TruncatedError = kindOf("TruncatedError", "truncated");
export const DecodeError = kindOf("DecodeError", "decode");
export const RedirectError = kindOf("RedirectError", "redirect");
export const CircuitOpenError = kindOf("CircuitOpenError", "circuit_open");
export const SharedStateError = kindOf("SharedStateError", "shared_state");

/** An object of these fields; what is undefined is left out. The engine sends lists, see ../src/lists.rs. */
export function fields(names, values) {
  const pairs = names.map((name, place) => [name, values[place]]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

const ATTEMPT = ["keyLabel", "kind", "status", "message", "startedAfter", "took"];

/** Clocks are named as the options are. */
const inOptions = (text) => text.replace(/\((\w+_timeout)\)$/, (_, clock) => `(${camelCase(clock)})`);

export function attemptOf(values) {
  const attempt = fields(ATTEMPT, values);
  return { ...attempt, message: inOptions(attempt.message) };
}

/** The error that the engine has thrown as a list; anything else as it is. */
export function errorOf(thrown, site, more) {
  if (!Array.isArray(thrown)) return thrown;
  const [kind, message, status, code, requestId, retryAt, keyLabel, attempts, clock, problems] = thrown;
  const details = { status, code, requestId, keyLabel, attempts: attempts.map(attemptOf), ...more };
  if (retryAt !== undefined) details.retryAt = new Date(retryAt);
  if (clock) details.clock = camelCase(clock);
  if (kind === "connection") details.cause = causeOf(message);
  if (kind === "config") details.problems = problems.map((values) => fields(["path", "line", "message"], values));
  return placed(new (BY_KIND[kind] ?? LLMError)(inOptions(message), details), site);
}

/** The same error with another message, and more to it. */
export function retold(error, message, more, site) {
  return placed(new (BY_KIND[error.kind] ?? LLMError)(message, { ...error, cause: error.cause, ...more }), site);
}

/** The engine's problems with options, in the words of those who wrote them; `pathOf` says where in the options. */
export function optionErrorOf(thrown, site, pathOf = (path) => path) {
  if (!Array.isArray(thrown)) return thrown;
  const inWords = (text) => text.replace(/`([a-z]+(?:_[a-z]+)+)`/g, (_, name) => `\`${camelCase(name)}\``);
  const problems = thrown[9].map(([path, , message]) => [pathOf(path).replace(/^[a-z_]+/, camelCase), inWords(message)]);
  return configError(problems, site);
}

/** A configuration error of these problems, each a path and a message. */
export function configError(problems, site, cause) {
  const all = problems.map(([path, message, line = 0]) => ({ path, line, message }));
  const texts = all.map(({ path, line, message }) => `${line ? `line ${line}: ` : ""}${path ? `${path}: ` : ""}${message}`);
  const message = texts.length === 1 ? texts[0] : [`${texts.length} problems:`, ...texts].join("\n  ");
  return placed(new ConfigError(message, { problems: all, cause }), site);
}

export const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const camelCase = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** Remembers where the user called: by the time that something fails, the stack is the engine's. */
export function callSite(below) {
  const site = {};
  if (Error.captureStackTrace) Error.captureStackTrace(site, below);
  else site.stack = new Error().stack;
  return site;
}

/** The same error, whose stack is that of the place. */
function placed(error, site) {
  if (site?.stack) {
    const frames = site.stack.replace(/^(Error|\[object Object\])[^\n]*\n/, "");
    Object.defineProperty(error, "stack", { value: `${error.name}: ${error.message}\n${frames}`, configurable: true, writable: true });
  }
  return error;
}
