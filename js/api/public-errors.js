// The errors that users import.

export {
  AuthenticationError,
  CircuitOpenError,
  ConfigError,
  ConnectionError,
  ContentPolicyError,
  ContextLengthError,
  DecodeError,
  InvalidRequestError,
  LLMError,
  NotFoundError,
  PermissionDeniedError,
  QuotaExhaustedError,
  RateLimitError,
  RedirectError,
  ServerError,
  SharedStateError,
  TimeoutError,
  TruncatedError,
} from "./errors.js";
