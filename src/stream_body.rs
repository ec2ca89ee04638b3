//! Reading an answer that comes piece by piece.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tracing::{debug, trace};

use crate::chat::ChatChunk;
use crate::clocks::{Clocks, Limit, within};
use crate::core::key::ApiKey;
use crate::core::provider_error::ProviderError;
use crate::core::retry::Failure;
use crate::core::sse::SseParser;
use crate::error::{Clock, ErrorKind};
use crate::exchange::{Call, Engine, Reader};
use crate::key_pool::KeyLease;
use crate::platform::{BoxStream, HttpResponse, Runtime, TransportError};
use crate::response_failure::{Hints, in_place_of_answer};

/// So long a stream whose choices have all finished is kept open for a late usage chunk.
const LATE_USAGE: Duration = Duration::from_secs(1);

/// Reads a stream up to its first visible token; until then it may be asked for again.
pub(crate) struct FirstToken {
    /// How many choices were asked for.
    pub choices: usize,
}

impl Reader for FirstToken {
    type Answer = StreamBody;
    const ACCEPT: &'static str = "text/event-stream";

    async fn read(
        &self,
        engine: &Engine,
        call: &Call,
        lease: &KeyLease,
        response: HttpResponse,
    ) -> Result<StreamBody, Failure> {
        let hints = Hints::of(&response, engine.runtime().unix_time());
        let mut body = StreamBody::new(engine, call, lease, response.body, hints, self.choices);
        match body.hold_back_until_visible(engine.runtime(), call.first_token()).await {
            Ok(()) => {
                let took = engine.runtime().now() - call.sent;
                debug!(call = call.record.id, ?took, "has its first token");
                Ok(body)
            }
            Err(failure) => Err(body.hints.add_to(failure)),
        }
    }
}

/// A stream's body, and how far it has been read.
pub(crate) struct StreamBody {
    call: u64,
    /// The key that it came by, which the log must not show.
    key: ApiKey,
    body: BoxStream<'static, Result<Bytes, TransportError>>,
    hints: Hints,
    sse: SseParser,
    held_back: VecDeque<ChatChunk>,
    clocks: Clocks,
    total: Option<Limit>,
    largest: usize,
    choices: usize,
    /// The choices seen so far, and whether each has finished.
    seen: Vec<(u32, bool)>,
    /// What is left of the wait for a late usage chunk, once every choice has finished.
    late_wait: Option<Duration>,
    done: bool,
}

/// What the next event was.
enum Event {
    Chunk(Box<ChatChunk>),
    /// `[DONE]`, or the end of the body.
    Done,
    /// None is whole yet.
    ReadOn,
}

impl StreamBody {
    fn new(
        engine: &Engine,
        call: &Call,
        lease: &KeyLease,
        body: BoxStream<'static, Result<Bytes, TransportError>>,
        hints: Hints,
        choices: usize,
    ) -> Self {
        Self {
            call: call.record.id,
            key: lease.api_key().clone(),
            body,
            hints,
            sse: SseParser::new(engine.max_event_bytes),
            held_back: VecDeque::new(),
            clocks: call.clocks,
            total: call.total(),
            largest: engine.max_event_bytes,
            choices,
            seen: Vec::new(),
            late_wait: None,
            done: false,
        }
    }

    /// Reads on until there is something to show, or the answer ends without.
    async fn hold_back_until_visible(
        &mut self,
        runtime: &dyn Runtime,
        first_token: Option<Limit>,
    ) -> Result<(), Failure> {
        let mut held_bytes = 0;
        loop {
            match self.event(&mut held_bytes)? {
                Event::Done => return Ok(()),
                Event::Chunk(chunk) => {
                    let visible = chunk.is_visible();
                    self.note(&chunk);
                    self.held_back.push_back(*chunk);
                    if visible {
                        return Ok(());
                    }
                    if held_bytes > self.largest {
                        let message = format!("{held_bytes} bytes came without a visible token");
                        return Err(Failure::new(ErrorKind::Decode, message).as_cut());
                    }
                }
                Event::ReadOn => self.read_more(runtime, first_token).await?,
            }
        }
    }

    /// The next chunk, or `None` at the answer's proper end.
    pub async fn next(&mut self, runtime: &dyn Runtime) -> Result<Option<ChatChunk>, Failure> {
        let next = self.next_chunk(runtime).await;
        next.map_err(|failure| self.hints.add_to(failure))
    }

    async fn next_chunk(&mut self, runtime: &dyn Runtime) -> Result<Option<ChatChunk>, Failure> {
        loop {
            if let Some(chunk) = self.held_back.pop_front() {
                return Ok(Some(chunk));
            }
            match self.event(&mut 0)? {
                Event::Done => return Ok(None),
                Event::Chunk(chunk) => {
                    self.note(&chunk);
                    return Ok(Some(*chunk));
                }
                Event::ReadOn => self.read_more(runtime, None).await?,
            }
        }
    }

    /// Takes the next whole event out of what has been read.
    fn event(&mut self, bytes: &mut usize) -> Result<Event, Failure> {
        if self.done {
            return Ok(Event::Done);
        }
        let event = loop {
            let Some(event) = self.sse.next_event() else { return Ok(Event::ReadOn) };
            let event = event
                .map_err(|error| Failure::new(ErrorKind::Decode, error.to_string()).as_cut())?;
            // One without data is some proxy's keep-alive, and has no text to lose.
            if !event.data.trim_ascii().is_empty() {
                break event;
            }
        };
        *bytes += event.data.len();
        trace!(call = self.call, data = self.key.shown(event.data), "event");
        if is_done(event.data) {
            self.done = true;
            return Ok(Event::Done);
        }
        decode(event.name, event.data).map(|chunk| Event::Chunk(Box::new(chunk)))
    }

    /// Notes which choices have finished.
    fn note(&mut self, chunk: &ChatChunk) {
        for choice in &chunk.choices {
            match self.seen.iter_mut().find(|(index, _)| *index == choice.index) {
                Some((_, finished)) => *finished |= choice.is_finished(),
                None => self.seen.push((choice.index, choice.is_finished())),
            }
        }
        if self.seen.len() >= self.choices && self.all_finished() {
            self.late_wait.get_or_insert(LATE_USAGE);
        } else {
            self.late_wait = None; // one that nobody asked for has begun
        }
    }

    /// Reads once from the network.
    async fn read_more(
        &mut self,
        runtime: &dyn Runtime,
        first_token: Option<Limit>,
    ) -> Result<(), Failure> {
        let began = runtime.now();
        let idle = Limit::new(Clock::Idle, self.clocks.idle, began);
        let late = self.late_wait.map(|left| Limit::new(Clock::Idle, left, began));
        // Before the first token its own clock runs, which keep-alive comments do not put off.
        let idle = if first_token.is_some() { first_token } else { Some(idle) };
        let limit = Limit::first([self.total, idle, late]);
        let read = within(runtime, limit, self.body.next()).await;
        if let Some(left) = &mut self.late_wait {
            *left = left.saturating_sub(runtime.now() - began);
        }
        match read {
            Ok(Some(Ok(bytes))) => {
                self.sse.push(&bytes);
                Ok(())
            }
            // The usage did not come; everything else has.
            Err(_) | Ok(Some(Err(_))) if self.late_wait.is_some() => self.end(),
            Err(limit) => Err(limit.failure()),
            Ok(Some(Err(error))) => {
                Err(Failure::new(ErrorKind::Truncated, format!("the answer was cut: {error}")))
            }
            Ok(None) => self.end_of_body(),
        }
    }

    /// The body has ended: see what it left, and whether that was the answer's end.
    fn end_of_body(&mut self) -> Result<(), Failure> {
        let chunk = match self.sse.finish() {
            Some(event) if is_done(event.data) => return self.end(),
            // What can't be decoded here is the first half of something.
            Some(event) => match decode(event.name, event.data) {
                Err(failure) if failure.kind == ErrorKind::Decode => None,
                decoded => Some(decoded?),
            },
            None => None,
        };
        if let Some(chunk) = chunk {
            self.note(&chunk);
            self.held_back.push_back(chunk);
        }
        if !self.all_finished() {
            let message = "the answer ended with neither a finish_reason nor [DONE]";
            return Err(Failure::new(ErrorKind::Truncated, message));
        }
        self.end()
    }

    /// Whether every choice that has begun is finished. Some providers ignore how many were asked
    /// for, so only what has begun can be held against an answer.
    fn all_finished(&self) -> bool {
        !self.seen.is_empty() && self.seen.iter().all(|(_, finished)| *finished)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.done = true;
        Ok(())
    }
}

fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

/// An event's data as a chunk, or as the error that stands in its place.
fn decode(name: &[u8], data: &[u8]) -> Result<ChatChunk, Failure> {
    if name == b"error" {
        return Err(Failure::from_provider(200, ProviderError::from_body(data)));
    }
    let chunk: ChatChunk = serde_json::from_slice(data).map_err(|error| {
        Failure::new(ErrorKind::Decode, format!("an event can't be decoded: {error}")).as_cut()
    })?;
    in_place_of_answer(&chunk.extra, data).map_or(Ok(chunk), Err)
}
