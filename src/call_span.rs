//! The span of a call, for `tracing`: what OpenTelemetry's conventions for generative AI want to know of it, by
//! the names that they give it (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). No key
//! is in it, and nothing that was asked or answered.
//!
//! Where nobody subscribes, or logging is left out of the build, a call has none, and it costs a look.

use std::future::poll_fn;

use futures_util::FutureExt;
use tracing::field::Empty;
use tracing::level_filters::STATIC_MAX_LEVEL;
use tracing::{Span, info_span};

use crate::chat::ChatResponse;
use crate::codec::Parameters;
use crate::core::json::quoted;
use crate::core::text;
use crate::error::ErrorKind;
use crate::events::Outcome;
use crate::provider_config::ModelSettings;

/// What the conventions call providers that are known here by another name.
const PROVIDERS: [(&str, &str); 10] = [
    ("azure", "azure.ai.openai"),
    ("claude", "anthropic"),
    ("gemini", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("grok", "x_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("pplx", "perplexity"),
    ("vertex", "gcp.vertex_ai"),
    ("xai", "x_ai"),
];

/// Whether the build has logging; without, it must not carry all these names.
pub(crate) const IS_BUILT_IN: bool = STATIC_MAX_LEVEL.into_level().is_some();

/// The span of a call that somebody sees.
#[derive(Clone)]
pub(crate) struct CallSpan(Span);

impl CallSpan {
    /// The span of a call that begins now, within whatever span it is made in; none where nobody would
    /// see it.
    pub fn begin(settings: &ModelSettings, operation: &str, model: Option<&str>) -> Option<Self> {
        if !IS_BUILT_IN {
            return None;
        }
        let model = model.unwrap_or(&settings.model);
        let span = info_span!(
            "lockkeeper.call",
            otel.name = format_args!("{operation} {model}"),
            otel.kind = "client",
            otel.status_code = Empty,
            gen_ai.operation.name = operation,
            gen_ai.provider.name = convention_of(&settings.provider),
            gen_ai.request.model = model,
            gen_ai.request.stream = Empty,
            gen_ai.request.choice.count = Empty,
            gen_ai.request.seed = Empty,
            gen_ai.request.max_tokens = Empty,
            gen_ai.request.temperature = Empty,
            gen_ai.request.top_p = Empty,
            gen_ai.request.top_k = Empty,
            gen_ai.request.frequency_penalty = Empty,
            gen_ai.request.presence_penalty = Empty,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.response.time_to_first_chunk = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            server.address = address_of(&settings.base_url).0,
            server.port = address_of(&settings.base_url).1,
            "error.type" = Empty,
            http.response.status_code = Empty,
            lockkeeper.provider = &*settings.provider,
            lockkeeper.key = Empty,
            lockkeeper.failed_attempts = Empty,
            lockkeeper.outcome = Empty,
        );
        (!span.is_disabled()).then_some(Self(span))
    }

    /// The same future, which runs in this span.
    pub async fn around<F: Future + Unpin>(&self, mut future: F) -> F::Output {
        poll_fn(|cx| self.within(|| future.poll_unpin(cx))).await
    }

    /// Does something in this span.
    pub fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        self.0.in_scope(act)
    }

    /// What is asked for.
    pub fn asks(&self, parameters: Parameters, stream: bool) {
        if stream {
            self.0.record("gen_ai.request.stream", true);
        }
        self.0.record("gen_ai.request.choice.count", parameters.choices.filter(|n| *n != 1));
        self.0.record("gen_ai.request.seed", parameters.seed);
        self.0.record("gen_ai.request.max_tokens", parameters.max_tokens);
        self.0.record("gen_ai.request.temperature", parameters.temperature);
        self.0.record("gen_ai.request.top_p", parameters.top_p);
        self.0.record("gen_ai.request.top_k", parameters.top_k);
        self.0.record("gen_ai.request.frequency_penalty", parameters.frequency_penalty);
        self.0.record("gen_ai.request.presence_penalty", parameters.presence_penalty);
    }

    /// What was answered. `tracing` has no lists: the reasons are JSON.
    pub fn answered(&self, response: &ChatResponse) {
        let ChatResponse { id, model, choices, .. } = response;
        self.0.record("gen_ai.response.id", Some(&**id).filter(|id| !id.is_empty()));
        self.0.record("gen_ai.response.model", Some(&**model).filter(|model| !model.is_empty()));
        let reasons = choices.iter().filter_map(|choice| choice.finish_reason.as_deref());
        let reasons: Vec<_> = reasons.map(quoted).collect();
        if !reasons.is_empty() {
            let reasons = format!("[{}]", reasons.join(","));
            self.0.record("gen_ai.response.finish_reasons", &*reasons);
        }
    }

    /// So long after the attempt was sent, a stream's first visible token came.
    pub fn first_token(&self, seconds: f64) {
        self.0.record("gen_ai.response.time_to_first_chunk", seconds);
    }

    /// The key of this label answers.
    pub fn key(&self, label: &str) {
        self.0.record("lockkeeper.key", label);
    }

    /// What it has cost in LLM tokens.
    pub fn cost(&self, input: u64, output: u64) {
        self.0.record("gen_ai.usage.input_tokens", input);
        self.0.record("gen_ai.usage.output_tokens", output);
    }

    /// The error that it ends with.
    pub fn failed(&self, kind: ErrorKind, status: Option<u16>) {
        self.0.record("otel.status_code", "ERROR");
        self.0.record("error.type", kind.as_str());
        self.0.record("http.response.status_code", status);
    }

    /// How it ended.
    pub fn ended(&self, outcome: Outcome, failed_attempts: usize) {
        let outcome = match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
        };
        self.0.record("lockkeeper.outcome", outcome);
        self.0.record("lockkeeper.failed_attempts", failed_attempts);
    }
}

/// The operation that a request to this URL asks for, as the conventions call it.
pub(crate) fn operation_of(url: &str) -> &'static str {
    let (path, _) = text::cut(url, "?#");
    [
        ("/chat/completions", "chat"),
        ("/completions", "text_completion"),
        ("/embeddings", "embeddings"),
    ]
    .into_iter()
    .find(|(end, _)| path.ends_with(end))
    .map_or("forward", |(_, operation)| operation)
}

fn convention_of(provider: &str) -> &str {
    let known = PROVIDERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(provider));
    known.map_or(provider, |(_, convention)| convention)
}

/// The host and the port of a base URL, which has been checked.
fn address_of(base_url: &str) -> (&str, u16) {
    let (rest, port) = match base_url.strip_prefix("https://") {
        Some(rest) => (rest, 443),
        None => (base_url.strip_prefix("http://").unwrap_or(base_url), 80),
    };
    let (authority, _) = text::cut(rest, "/");
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().unwrap_or(port)),
        _ => (authority, port),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_as_host_and_port() {
        for (url, address) in [
            ("https://api.openai.com/v1", ("api.openai.com", 443)),
            ("http://127.0.0.1:8080/v1", ("127.0.0.1", 8080)),
            ("http://localhost", ("localhost", 80)),
            ("http://[::1]:8000/v1", ("::1", 8000)),
            ("https://[2001:db8::1]", ("2001:db8::1", 443)),
        ] {
            assert_eq!(address_of(url), address, "{url}");
        }
    }

    #[test]
    fn providers_and_operations_have_their_names_in_the_conventions() {
        assert_eq!(
            ["openai", "Mistral", "my-server"].map(convention_of),
            ["openai", "mistral_ai", "my-server"]
        );
        let operations =
            ["/v1/chat/completions?x", "/v1/completions", "/v1/embeddings", "/v1/models"];
        assert_eq!(
            operations.map(operation_of),
            ["chat", "text_completion", "embeddings", "forward"]
        );
    }
}
