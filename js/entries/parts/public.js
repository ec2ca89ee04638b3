// What users import: the names that index.d.ts declares, and nothing else of the API's bundle.
export {
  APIKeyPool, AuthenticationError, ChatStream, CircuitOpenError, ConfigError, ConnectionError, ContentPolicyError,
  ContextLengthError, DecodeError, Fallback, InvalidRequestError, LLMError, NotFoundError, OpenAICompatible,
  PermissionDeniedError, QuotaExhaustedError, RateLimitError, RedirectError, ServerError, SharedStateError,
  TimeoutError, TokenBucket, TruncatedError, estimateTokens, metricsText, setLogLevel,
} from "./api.js";
