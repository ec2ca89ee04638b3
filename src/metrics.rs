//! What clients count, as the text that Prometheus scrapes (exposition format 0.0.4). The npm package
//! writes the same: `js/api/metrics.js`.

use crate::client::OpenAiCompatible;
use crate::core::histogram::Quantiles;
use crate::core::key_slot::{KeyState, KeyStatus};
use crate::core::text::replaced;
use crate::events::WaitFor;
use crate::platform::number_text;
use crate::stats::ClientStats;

/// The metrics of some clients in one text, as Prometheus scrapes it (exposition format 0.0.4, to be
/// served as `text/plain; version=0.0.4`). Clients of the same provider and model are told apart by a
/// label `client`, from the second on: `2`, `3`, … in their order here.
///
/// What each metric tells is in
/// [docs/observability.md](https://github.com/lockkeeper/lockkeeper/blob/main/docs/observability.md).
///
/// ```
/// use lockkeeper::{ModelSettings, OpenAiCompatible, metrics_text};
///
/// # #[cfg(feature = "reqwest")] {
/// let llm = OpenAiCompatible::new(ModelSettings::new("openai", "gpt-4", ["sk-0123456789abcd"]))?;
/// let text = metrics_text([&llm]);
/// assert!(text.contains("lockkeeper_attempts_total{provider=\"openai\",model=\"gpt-4\"} 0\n"));
/// # }
/// # Ok::<(), lockkeeper::Error>(())
/// ```
#[must_use]
pub fn metrics_text<'a>(clients: impl IntoIterator<Item = &'a OpenAiCompatible>) -> String {
    let clients: Vec<_> = clients.into_iter().map(OpenAiCompatible::stats).collect();
    let labels: Vec<_> = (0..clients.len()).map(|place| labels(&clients, place)).collect();
    let mut text = String::new();
    for Metric { name, kind, help, samples } in METRICS {
        text += &format!("# HELP lockkeeper_{name} {help}\n# TYPE lockkeeper_{name} {kind}\n");
        for (stats, labels) in clients.iter().zip(&labels) {
            samples(stats, &mut |suffix, own, value| {
                let own: String = own.iter().map(|it| format!(",{}", label(it.0, it.1))).collect();
                let value = number_text(value);
                text += &format!("lockkeeper_{name}{suffix}{{{labels}{own}}} {value}\n");
            });
        }
    }
    text
}

impl OpenAiCompatible {
    /// Its metrics as Prometheus scrapes them: [`metrics_text`] of this one client.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        metrics_text([self])
    }
}

/// The labels of a client.
fn labels(clients: &[ClientStats], place: usize) -> String {
    let ClientStats { provider, model, .. } = &clients[place];
    let is_alike = |other: &&ClientStats| (&other.provider, &other.model) == (provider, model);
    let alike = clients[..place].iter().filter(is_alike).count();
    let mut labels = label("provider", provider) + "," + &label("model", model);
    if alike > 0 {
        labels += &format!(",{}", label("client", &(alike + 1).to_string()));
    }
    labels
}

fn label(name: &str, value: &str) -> String {
    let value = replaced(value, "\\", "\\\\");
    let value = replaced(&replaced(&value, "\"", "\\\""), "\n", "\\n");
    format!("{name}=\"{value}\"")
}

/// Is told a sample: what comes after the metric's name, labels, value.
type Tell<'t> = &'t mut dyn FnMut(&str, &[(&str, &str)], f64);

struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: fn(&ClientStats, Tell<'_>),
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    samples: fn(&ClientStats, Tell<'_>),
) -> Metric {
    Metric { name, kind: "gauge", help, samples }
}

const fn counter(
    name: &'static str,
    help: &'static str,
    samples: fn(&ClientStats, Tell<'_>),
) -> Metric {
    Metric { name, kind: "counter", help, samples }
}

const fn summary(
    name: &'static str,
    help: &'static str,
    samples: fn(&ClientStats, Tell<'_>),
) -> Metric {
    Metric { name, kind: "summary", help, samples }
}

/// Every metric in the order of the text.
const METRICS: [Metric; 19] = [
    counter("calls_total", "Calls that have ended, by outcome.", |stats, tell| {
        for (outcome, calls) in ended(stats) {
            tell("", &[("outcome", outcome)], calls as f64);
        }
    }),
    gauge("calls_in_flight", "Calls under way.", |stats, tell| {
        let ended = ended(stats).iter().map(|(_, calls)| calls).sum();
        tell("", &[], stats.calls.saturating_sub(ended) as f64);
    }),
    counter("attempts_total", "Attempts sent.", |stats, tell| {
        tell("", &[], stats.attempts as f64);
    }),
    counter("waits_total", "Waits of calls, by what for.", |stats, tell| {
        for (reason, waits) in stats.waits_for.each() {
            tell("", &[("reason", word(reason))], waits.count as f64);
        }
    }),
    counter("wait_seconds_total", "Time that calls have waited, by what for.", |stats, tell| {
        for (reason, waits) in stats.waits_for.each() {
            tell("", &[("reason", word(reason))], waits.time.as_secs_f64());
        }
    }),
    counter("llm_tokens_total", "LLM tokens sent and received.", |stats, tell| {
        tell("", &[("direction", "input")], stats.input_tokens as f64);
        tell("", &[("direction", "output")], stats.output_tokens as f64);
    }),
    gauge("bucket_capacity", "The most bucket tokens that it holds.", |stats, tell| {
        tell("", &[], stats.bucket.capacity);
    }),
    gauge("bucket_refill_rate", "Bucket tokens gained per second.", |stats, tell| {
        tell("", &[], stats.bucket.refill_rate);
    }),
    gauge("bucket_tokens", "Bucket tokens there now.", |stats, tell| {
        tell("", &[], stats.bucket.tokens);
    }),
    gauge("bucket_waiters", "Calls in line for a bucket token.", |stats, tell| {
        tell("", &[], stats.bucket.waiters as f64);
    }),
    counter("bucket_waits_total", "Takers that had to stand in line.", |stats, tell| {
        tell("", &[], stats.bucket.waits as f64);
    }),
    gauge("key_state", "1 for the state that a key is in.", |stats, tell| {
        for key in &stats.keys {
            for (state, name) in STATES {
                let labels = [("key", &*key.label), ("state", name)];
                tell("", &labels, f64::from(u8::from(key.state == state)));
            }
        }
    }),
    gauge("key_rest_seconds", "How long a key still rests.", |stats, tell| {
        for key in &stats.keys {
            let rest = key.rests_for.unwrap_or_default();
            tell("", &[("key", &key.label)], rest.as_secs_f64());
        }
    }),
    gauge("key_in_flight", "Requests under way on a key.", |stats, tell| {
        for key in &stats.keys {
            tell("", &[("key", &key.label)], f64::from(key.in_flight));
        }
    }),
    counter(
        "key_attempts_total",
        "Attempts of a key that have ended, by outcome.",
        |stats, tell| {
            for key in &stats.keys {
                for (outcome, attempts) in outcomes(key) {
                    tell("", &[("key", &key.label), ("outcome", outcome)], attempts as f64);
                }
            }
        },
    ),
    counter("key_failures_total", "Failed attempts of a key, by error kind.", |stats, tell| {
        for key in &stats.keys {
            for (kind, failures) in &key.failures {
                tell("", &[("key", &key.label), ("kind", kind.as_str())], *failures as f64);
            }
        }
    }),
    counter("key_llm_tokens_total", "LLM tokens sent and received with a key.", |stats, tell| {
        for key in &stats.keys {
            let tokens = [("input", key.counts.input_tokens), ("output", key.counts.output_tokens)];
            for (direction, tokens) in tokens {
                tell("", &[("key", &key.label), ("direction", direction)], tokens as f64);
            }
        }
    }),
    summary("key_latency_seconds", "From sending to the end of the answer.", |stats, tell| {
        stats.keys.iter().for_each(|key| quantiles(key, key.latency, tell));
    }),
    summary("key_first_token_seconds", "From sending to a stream's first token.", |stats, tell| {
        stats.keys.iter().for_each(|key| quantiles(key, key.first_token, tell));
    }),
];

const STATES: [(KeyState, &str); 4] = [
    (KeyState::Ready, "ready"),
    (KeyState::Cooling, "cooling"),
    (KeyState::Exhausted, "exhausted"),
    (KeyState::Dead, "dead"),
];

fn ended(stats: &ClientStats) -> [(&'static str, u64); 3] {
    let ClientStats { succeeded, failed, cancelled, .. } = *stats;
    [("succeeded", succeeded), ("failed", failed), ("cancelled", cancelled)]
}

fn outcomes(key: &KeyStatus) -> [(&'static str, u64); 4] {
    let counts = key.counts;
    [
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("rate_limited", counts.rate_limited),
        ("cancelled", counts.cancelled),
    ]
}

fn word(reason: WaitFor) -> &'static str {
    match reason {
        WaitFor::Token => "token",
        WaitFor::Key => "key",
        WaitFor::Retry => "retry",
        WaitFor::Concurrency => "concurrency",
        WaitFor::Budget => "budget",
    }
}

fn quantiles(key: &KeyStatus, quantiles: Option<Quantiles>, tell: Tell<'_>) {
    let key = ("key", &*key.label);
    let Some(Quantiles { count, sum, p50, p95, p99 }) = quantiles else { return };
    for (quantile, value) in [("0.5", p50), ("0.95", p95), ("0.99", p99)] {
        tell("", &[key, ("quantile", quantile)], value.as_secs_f64());
    }
    tell("_sum", &[key], sum.as_secs_f64());
    tell("_count", &[key], count as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_label_or_a_line_is_escaped() {
        assert_eq!(label("model", "a\\b\"c\nd"), r#"model="a\\b\"c\nd""#);
    }
}
