//! The provider of a simulation: a transport that keeps to the scenario's limits and faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::books::SharedBooks;
use super::dialect::{END, TOKEN, WHOLE};
use super::limit::{Limit, LimitPair, milliseconds};
use super::provider_file::key_index;
use super::random::Random;
use super::scenario::{LimitScope, Scenario, Tells};
use crate::lock::lock;
use crate::platform::{
    BoxFuture, HttpRequest, HttpResponse, Runtime, Transport, TransportError, boxed, boxed_stream,
};
use crate::testing::VirtualClock;

/// What is refused is refused so soon, or as soon as the first LLM token comes.
const REFUSAL: f64 = 0.05;

/// What comes of a request: after so long a status and headers, then pieces, each after so long.
struct Fate {
    outcome: &'static str,
    status: u16,
    headers: Vec<(String, String)>,
    delay: Duration,
    pieces: Vec<(Duration, Piece)>,
}

/// A piece of a body, or `None` where the connection breaks.
type Piece = Option<Bytes>;

/// The provider. Clones are one.
#[derive(Clone)]
pub(super) struct Provider {
    clock: VirtualClock,
    runtime: Arc<dyn Runtime>,
    books: SharedBooks,
    state: Arc<Mutex<State>>,
}

struct State {
    faults: Vec<(f64, &'static str)>,
    dead_from: usize,
    llm_tokens: f64,
    tells: Tells,
    /// Of each key, or of all.
    limits: Vec<LimitPair>,
    random: Random,
    latency: f64,
    answer: Vec<(Duration, Piece)>,
    is_streamed: bool,
}

/// How long one answer takes.
pub(super) fn answer_time(scenario: &Scenario) -> f64 {
    scenario.service.latency + writing_time(scenario)
}

/// In LLM tokens.
pub(super) fn tokens_of_a_call(scenario: &Scenario) -> f64 {
    f64::from(scenario.traffic.input_tokens + scenario.traffic.output_tokens)
}

fn writing_time(scenario: &Scenario) -> f64 {
    f64::from(scenario.traffic.output_tokens) / scenario.service.tokens_per_second
}

impl Provider {
    pub(super) fn new(
        scenario: &Scenario,
        keys: usize,
        clock: &VirtualClock,
        books: SharedBooks,
    ) -> Self {
        let (limits, faults) = (&scenario.limits, &scenario.faults);
        let holders = if limits.scope == LimitScope::Key { keys } else { 1 };
        let shares = [
            (faults.status_429, "429"),
            (faults.status_500, "500"),
            (faults.status_503, "503"),
            (faults.silence, "silence"),
            (faults.cut, "cut"),
        ];
        let state = State {
            faults: shares.to_vec(),
            dead_from: keys.saturating_sub(faults.dead_keys as usize),
            llm_tokens: tokens_of_a_call(scenario),
            tells: limits.tells,
            limits: vec![Limit::both(limits); holders],
            random: Random::new(scenario.seed, 2),
            latency: scenario.service.latency,
            answer: answer(scenario),
            is_streamed: scenario.traffic.stream,
        };
        let state = Arc::new(Mutex::new(state));
        Self { clock: clock.clone(), runtime: clock.runtime(), books, state }
    }

    fn meet(&self, request: &HttpRequest) -> Fate {
        let key = request.headers.iter().find_map(|header| key_index(&header.value)).unwrap_or(0);
        let fate = lock(&self.state).fate(key, self.clock.elapsed().as_secs_f64());
        let mut books = lock(&self.books);
        books.requests += 1;
        books.in_flight += 1;
        *books.outcomes.entry(fate.outcome).or_default() += 1;
        let is_refused = fate.outcome == "429";
        books.refused += u64::from(is_refused);
        if let Some(key) = books.keys.get_mut(key) {
            key.requests += 1;
            key.refused += u64::from(is_refused);
            key.answered += u64::from(fate.outcome == "200");
        }
        fate
    }
}

impl State {
    fn fate(&mut self, key: usize, now: f64) -> Fate {
        if key >= self.dead_from {
            return self.error("401", 401, "invalid_api_key", Vec::new());
        }
        let holder = if self.limits.len() > 1 { key } else { 0 };
        if let Some(refusal) = self.limited(holder, now) {
            return refusal;
        }
        let told = self.limits[holder].iter().flatten().filter(|_| self.tells.limits());
        let headers = told.flat_map(|limit| limit.headers(now)).collect();
        let mut drawn = self.random.uniform();
        let fault = self.faults.iter().find(|(share, _)| {
            drawn -= share;
            drawn < 0.0
        });
        match fault.map(|&(_, name)| name) {
            Some("429") => self.error("429", 429, "rate_limit_exceeded", Vec::new()),
            Some("500") => self.error("500", 500, "server_error", headers),
            Some("503") => self.error("503", 503, "overloaded", headers),
            Some("silence") => Fate { delay: Duration::MAX, ..self.answer("silence", headers) },
            Some(_) => {
                let mut fate = self.answer("cut", headers);
                fate.pieces.pop();
                fate.pieces.push((Duration::ZERO, None));
                fate
            }
            None => self.answer("200", headers),
        }
    }

    /// Takes from the limits, or else refuses.
    fn limited(&mut self, holder: usize, now: f64) -> Option<Fate> {
        let amounts = [1.0, self.llm_tokens];
        let mut missing: Option<f64> = None;
        for (limit, amount) in self.limits[holder].iter_mut().zip(amounts) {
            if let Some(limit) = limit
                && !limit.grants(amount, now)
            {
                missing = Some(missing.unwrap_or(0.0).max(limit.wait(amount, now)));
            }
        }
        let limits = &mut self.limits[holder];
        let Some(wait) = missing else {
            let both = limits.iter_mut().zip(amounts);
            both.for_each(|(limit, amount)| limit.iter_mut().for_each(|limit| limit.take(amount)));
            return None;
        };
        let mut headers = Vec::new();
        if self.tells.limits() {
            headers.extend(limits.iter().flatten().flat_map(|limit| limit.headers(now)));
        }
        if self.tells.when_to_come_back() {
            headers.push(("retry-after-ms".to_owned(), milliseconds(wait).to_string()));
        }
        Some(self.error("429", 429, "rate_limit_exceeded", headers))
    }

    fn error(
        &self,
        outcome: &'static str,
        status: u16,
        code: &str,
        headers: Vec<(String, String)>,
    ) -> Fate {
        let body = json!({ "error": { "code": code, "message": "made up by the simulation" } });
        let delay = Duration::from_secs_f64(self.latency.min(REFUSAL));
        let pieces = vec![(Duration::ZERO, Some(body.to_string().into()))];
        Fate { outcome, status, headers, delay, pieces }
    }

    fn answer(&self, outcome: &'static str, mut headers: Vec<(String, String)>) -> Fate {
        if self.is_streamed {
            headers.push(("content-type".to_owned(), "text/event-stream".to_owned()));
        }
        let delay = Duration::from_secs_f64(self.latency);
        Fate { outcome, status: 200, headers, delay, pieces: self.answer.clone() }
    }
}

/// The body of an answer: streamed, the first LLM token, what has come by half of the time, and the rest.
fn answer(scenario: &Scenario) -> Vec<(Duration, Piece)> {
    let writing = Duration::from_secs_f64(writing_time(scenario));
    if !scenario.traffic.stream {
        // Its headers come when it is written.
        return vec![(writing, Some(Bytes::new())), (Duration::ZERO, Some(WHOLE.into()))];
    }
    let event = |data: &str| Some(Bytes::from(format!("data: {data}\n\n")));
    vec![
        (Duration::ZERO, event(TOKEN)),
        (writing / 2, event(TOKEN)),
        (writing / 2, Some(format!("data: {END}\n\ndata: [DONE]\n\n").into())),
    ]
}

/// Counts a request as under way while it exists.
struct UnderWay(SharedBooks);

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0).in_flight -= 1;
    }
}

impl Transport for Provider {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let this = self.clone();
        boxed(async move {
            let fate = this.meet(&request);
            let under_way = UnderWay(this.books);
            drop(request);
            if fate.outcome == "silence" {
                std::future::pending::<()>().await;
            }
            pause(&*this.runtime, fate.delay).await;
            let rest = (fate.pieces.into_iter(), this.runtime, under_way);
            let body = stream::unfold(rest, |(mut pieces, runtime, under_way)| async move {
                let (delay, piece) = pieces.next()?;
                pause(&*runtime, delay).await;
                let broken = || TransportError::connection("connection cut by the simulation");
                Some((piece.ok_or_else(broken), (pieces, runtime, under_way)))
            });
            Ok(HttpResponse::new(
                fate.status,
                fate.headers.into_iter().collect(),
                boxed_stream(body),
            ))
        })
    }
}

async fn pause(runtime: &dyn Runtime, time: Duration) {
    if !time.is_zero() {
        runtime.sleep(time).await;
    }
}
