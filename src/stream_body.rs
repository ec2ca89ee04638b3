//! Reading an answer that comes piece by piece.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tracing::{trace, warn};

use crate::clocks::{Limit, Pieces};
use crate::codec::{Codec, Facts};
use crate::core::redaction::Redaction;
use crate::core::retry::Failure;
use crate::core::sse::SseParser;
use crate::error::{Clock, ErrorKind};
use crate::events::Event as CallEvent;
use crate::exchange::{Reader, Sent};
use crate::platform::{HttpResponse, Runtime, boxed_stream};
use crate::response_failure::{Hints, in_place_of_answer};
use crate::whole_body;

/// So long a stream whose choices have all finished is kept open for a late usage chunk.
const LATE_USAGE: Duration = Duration::from_secs(1);

/// So long a body is read on after `[DONE]`: its end is nearly always there already.
const LINGER: Duration = Duration::from_millis(50);

/// How JSON and HTML begin, and no line of an event stream does.
const NO_EVENT_BEGINS_SO: [&[u8]; 3] = [b"{", b"[", b"<"];

/// Reads a stream up to its first visible token; until then it may be asked for again.
pub(crate) struct FirstToken<C> {
    pub codec: C,
    /// How many choices were asked for.
    pub choices: usize,
}

impl<C: Codec> Reader for FirstToken<C> {
    type Answer = Box<StreamBody<C>>;

    async fn read(&self, sent: Sent<'_>, response: HttpResponse) -> Result<Self::Answer, Failure> {
        let runtime = sent.runtime();
        let mut body = Box::new(StreamBody::new(&sent, response, self));
        let first_token = Limit::first(&[sent.call.first_token(), sent.call.beginning()]);
        match body.hold_back_until_visible(runtime, first_token).await {
            Ok(()) => {
                let took = runtime.now() - sent.call.course.sent;
                let key_label = sent.key_label;
                sent.call.course.record.tell(CallEvent::FirstToken { key_label, took });
                body.first_token = Some(took);
                Ok(body)
            }
            Err(failure) => Err(body.hints.add_to(failure)),
        }
    }
}

/// A stream's body, and how far it has been read.
pub(crate) struct StreamBody<C: Codec> {
    codec: C,
    call: u64,
    redaction: Redaction,
    body: Pieces,
    hints: Hints,
    /// What the first bytes show it to be.
    form: Option<Form>,
    sse: SseParser,
    /// Chunks that were read at once, and whether more may be.
    run: std::vec::IntoIter<C::Chunk>,
    may_run: bool,
    held_back: VecDeque<C::Chunk>,
    idle: Duration,
    total: Option<Limit>,
    largest: usize,
    skips_undecodable: bool,
    choices: usize,
    /// The choices seen so far, and whether each has finished.
    seen: Vec<(u32, bool)>,
    /// What is left of the wait for a late usage chunk, once every choice has finished.
    late_wait: Option<Duration>,
    done: bool,
    /// How long its first visible token took, since the attempt was sent.
    pub first_token: Option<Duration>,
}

/// What a body turns out to be, whatever its content type says.
enum Form {
    Events,
    /// A page, or an answer in one piece from a provider that does not stream: read to its end.
    OnePiece(Vec<u8>),
}

/// What the next event was.
enum Event<T> {
    Chunk(T),
    /// `[DONE]`, or the end of the body.
    Done,
    /// None is whole yet.
    ReadOn,
}

impl<C: Codec> StreamBody<C> {
    fn new(sent: &Sent<'_>, response: HttpResponse, reader: &FirstToken<C>) -> Self {
        let largest = sent.engine.max_event_bytes;
        Self {
            codec: reader.codec.clone(),
            call: sent.call.course.record.id,
            redaction: sent.redaction.clone(),
            hints: Hints::of(&response.headers, sent.runtime().unix_time()),
            body: Pieces::of(response.body),
            form: None,
            sse: SseParser::new(largest),
            run: Vec::new().into_iter(),
            may_run: false,
            held_back: VecDeque::new(),
            idle: sent.call.clocks.idle,
            total: sent.call.total(),
            largest,
            skips_undecodable: sent.engine.skip_undecodable_events,
            choices: reader.choices,
            seen: Vec::new(),
            late_wait: None,
            done: false,
            first_token: None,
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
                    self.held_back.push_back(chunk);
                    if visible {
                        return Ok(());
                    }
                    if held_bytes > self.largest {
                        let message = format!("{held_bytes} bytes came without a visible token");
                        return Err(Failure::new(ErrorKind::Decode, message).cut_off());
                    }
                }
                Event::ReadOn => self.read_more(runtime, first_token).await?,
            }
        }
    }

    /// The next chunk, if it has come already. `None` says nothing: [`next`](Self::next) does.
    pub fn buffered(&mut self) -> Result<Option<C::Chunk>, Failure> {
        if let Some(chunk) = self.held_back.pop_front() {
            if self.held_back.is_empty() {
                self.held_back = VecDeque::new(); // it is hardly used again
            }
            return Ok(Some(chunk));
        }
        match self.event(&mut 0) {
            Ok(Event::Chunk(chunk)) => {
                self.note(&chunk);
                Ok(Some(chunk))
            }
            Ok(Event::Done | Event::ReadOn) => Ok(None),
            Err(failure) => Err(self.hints.add_to(failure)),
        }
    }

    /// The next chunk, or `None` at the answer's proper end.
    pub async fn next(&mut self, runtime: &dyn Runtime) -> Result<Option<C::Chunk>, Failure> {
        loop {
            if let Some(chunk) = self.buffered()? {
                return Ok(Some(chunk));
            }
            if self.done {
                self.drain(runtime).await;
                return Ok(None);
            }
            let read = self.read_more(runtime, None).await;
            read.map_err(|failure| self.hints.add_to(failure))?;
        }
    }

    /// Reads what little there is behind the end, so that the connection can be used again.
    async fn drain(&mut self, runtime: &dyn Runtime) {
        let linger = Limit::new(Clock::Idle, LINGER, runtime.now());
        let limit = Limit::first(&[self.total, Some(linger)]);
        while let Ok(Some(Ok(_))) = self.body.next(runtime, limit).await {}
    }

    /// Takes the next whole event out of what has been read.
    fn event(&mut self, bytes: &mut usize) -> Result<Event<C::Chunk>, Failure> {
        if self.done {
            return Ok(Event::Done);
        }
        loop {
            if let Some(chunk) = self.run.next() {
                return Ok(Event::Chunk(chunk));
            }
            if self.read_run(bytes) {
                continue;
            }
            let Some(event) = self.sse.next_event() else { return Ok(Event::ReadOn) };
            let event = event
                .map_err(|error| Failure::new(ErrorKind::Decode, error.to_string()).cut_off())?;
            // One without data is some proxy's keep-alive, and has no text to lose.
            if event.data.trim_ascii().is_empty() {
                continue;
            }
            *bytes += event.data.len();
            trace!(call = self.call, data = %self.redaction.redacted(event.data), "event");
            if is_done(event.data) {
                self.is_begun()?;
                self.done = true;
                return Ok(Event::Done);
            }
            let length = event.data.len();
            let decoded = decode(&mut self.codec, event.name, event.data, &self.redaction);
            self.sse.let_go();
            match decoded {
                Err(failure) if self.skips_undecodable && failure.kind() == ErrorKind::Decode => {
                    warn!(
                        call = self.call,
                        bytes = length,
                        "passes over an event that can't be decoded"
                    );
                }
                decoded => return decoded.map(Event::Chunk),
            }
        }
    }

    /// Reads the next chunks at once, if the codec can.
    fn read_run(&mut self, bytes: &mut usize) -> bool {
        let Some(events) = self.sse.at_event().filter(|_| self.may_run) else { return false };
        let events = &events[..events.len().min(self.largest)];
        let (length, chunks) = self.codec.chunks(events);
        self.sse.skip(length);
        self.run = chunks.into_iter();
        *bytes += length;
        self.may_run = length > 0;
        self.may_run
    }

    /// Notes which choices have finished.
    fn note(&mut self, chunk: &C::Chunk) {
        if chunk.is_restart() {
            self.seen.clear();
        }
        for (choice, ends) in chunk.choices() {
            match self.seen.iter_mut().find(|(index, _)| *index == choice) {
                Some((_, finished)) => *finished |= ends,
                None => self.seen.push((choice, ends)),
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
        let idle = Limit::new(Clock::Idle, self.idle, began);
        let late = self.late_wait.map(|left| Limit::new(Clock::Idle, left, began));
        // Before the first token its own clock runs, which keep-alive comments do not put off.
        let idle = if first_token.is_some() { first_token } else { Some(idle) };
        let limit = Limit::first(&[self.total, idle, late]);
        let read = self.body.next(runtime, limit).await;
        if let Some(left) = &mut self.late_wait {
            *left = left.saturating_sub(runtime.now() - began);
        }
        match read {
            Ok(Some(Ok(bytes))) => self.take(bytes),
            // The usage did not come; everything else has.
            Err(_) | Ok(Some(Err(_))) if self.late_wait.is_some() => self.end(),
            // So has everything here, where fewer choices come than were asked for.
            Err(limit) if limit.clock == Clock::Idle && self.all_finished() => self.end(),
            Err(limit) => Err(limit.failure()),
            Ok(Some(Err(error))) => Err(Failure::cut(error)),
            Ok(None) => self.end_of_body(),
        }
    }

    /// Takes in what came from the network.
    fn take(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if self.form.is_none() {
            let start = bytes.trim_ascii_start();
            let is_no_event = NO_EVENT_BEGINS_SO.iter().any(|begin| start.starts_with(begin));
            self.form = match start {
                [] => None,
                _ if is_no_event => Some(Form::OnePiece(Vec::new())),
                _ => Some(Form::Events),
            };
        }
        match &mut self.form {
            Some(Form::OnePiece(body)) if body.len() + bytes.len() > self.largest => {
                let message =
                    format!("the answer is no stream, and larger than {} bytes", self.largest);
                Err(Failure::new(ErrorKind::Decode, message))
            }
            Some(Form::OnePiece(body)) => {
                body.extend_from_slice(&bytes);
                Ok(())
            }
            _ => {
                self.sse.push(bytes);
                self.may_run = true;
                Ok(())
            }
        }
    }

    /// The body has ended: see what it left, and whether that was the answer's end.
    fn end_of_body(&mut self) -> Result<(), Failure> {
        if let Some(Form::OnePiece(body)) = &self.form {
            let answer = whole_body::decode(&self.codec, body, &self.redaction)?;
            self.held_back.push_back(answer.into());
            return self.end();
        }
        let chunk = match self.sse.finish() {
            Some(event) if is_done(event.data) => {
                self.is_begun()?;
                return self.end();
            }
            // What can't be decoded here is the first half of something.
            Some(event) => match decode(&mut self.codec, event.name, event.data, &self.redaction) {
                Err(failure) if failure.kind() == ErrorKind::Decode => None,
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

    /// Checks that there is an answer whose end this can be.
    fn is_begun(&self) -> Result<(), Failure> {
        if self.seen.is_empty() {
            let message = "the answer ended before any choice of it came";
            return Err(Failure::new(ErrorKind::Truncated, message));
        }
        Ok(())
    }

    /// Whether every choice that has begun is finished. Some providers ignore how many were asked
    /// for, so only what has begun can be held against an answer.
    fn all_finished(&self) -> bool {
        !self.seen.is_empty() && self.seen.iter().all(|(_, finished)| *finished)
    }

    /// The answer ends here, and with it the body.
    fn end(&mut self) -> Result<(), Failure> {
        self.done = true;
        self.body = Pieces::of(boxed_stream(stream::empty()));
        Ok(())
    }
}

fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

/// An event's data as a chunk, or as the error that stands in its place.
fn decode<C: Codec>(
    codec: &mut C,
    name: &[u8],
    data: &[u8],
    redaction: &Redaction,
) -> Result<C::Chunk, Failure> {
    if name == b"error" {
        return Err(in_place_of_answer(data, redaction));
    }
    let chunk = codec.chunk(data).map_err(|error| {
        Failure::new(ErrorKind::Decode, format!("an event can't be decoded: {error}")).cut_off()
    })?;
    if chunk.is_error() { Err(in_place_of_answer(data, redaction)) } else { Ok(chunk) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::testing::{Reply, ScriptedTransport, VirtualClock};
    use crate::{ChatOptions, ChatStream, LlmInterface, Message, ModelSettings, OpenAiCompatible};

    fn client(clock: &VirtualClock, replies: impl IntoIterator<Item = Reply>) -> OpenAiCompatible {
        let transport = ScriptedTransport::replies(clock, replies);
        let settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]);
        let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport));
        builder.runtime(clock.runtime()).build().unwrap()
    }

    fn stream(llm: &OpenAiCompatible) -> ChatStream {
        llm.chat_stream(vec![Message::user("Hi!")], ChatOptions::default())
    }

    #[test]
    fn a_body_that_has_ended_is_not_read_again() {
        let clock = VirtualClock::new();
        let finish =
            r#"{"choices":[{"index":0,"delta":{"content":"Hi!"},"finish_reason":"stop"}]}"#;
        let llm = client(&clock, [Reply::events([finish])]);
        assert_eq!(clock.block_on(stream(&llm).text()).unwrap(), "Hi!");
    }

    #[test]
    fn an_attempt_that_fails_late_is_told_from_its_own_start() {
        let clock = VirtualClock::new();
        let busy = Reply::status(503).header("retry-after", "30");
        let cut = Reply::stream(["Hel", "lo"]).pace(Duration::from_secs(1)).cut_after(1);
        let llm = client(&clock, [busy, cut]);
        let error = clock.block_on(stream(&llm).text()).unwrap_err();
        let attempt = &error.attempts()[1];
        assert_eq!((attempt.started_after.as_secs(), attempt.took.as_secs()), (30, 2));
    }

    #[test]
    fn reading_on_behind_the_end_keeps_to_the_clocks() {
        let clock = VirtualClock::new();
        let text = r#"{"choices":[{"index":0,"delta":{"content":"Hi!"},"finish_reason":"stop"}]}"#;
        let ms = Duration::from_millis;
        let lingers = || Reply::events([text, "[DONE]"]).pace(ms(200)).stall_after(2);
        let never_done = Reply::events([text]).stall_after(1);
        let llm = client(&clock, [lingers(), lingers(), never_done]);
        let mut took = Vec::new();
        for timeout in [None, Some(ms(420)), None] {
            let (began, mut options) = (clock.elapsed(), ChatOptions::default());
            options.timeout = timeout;
            let stream = llm.chat_stream(vec![Message::user("Hi!")], options);
            assert_eq!(clock.block_on(stream.text()).unwrap(), "Hi!");
            took.push(clock.elapsed() - began);
        }
        assert_eq!(took, [ms(450), ms(420), ms(1_000)]);
    }
}
