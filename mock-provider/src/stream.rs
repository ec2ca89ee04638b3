//! Sending an answer as a stream of events, with what faults make of it.

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::answer::{Answer, Event};
use crate::completion::pause;
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::huge;
use crate::plain::send_comments;
use crate::record::Finished;
use crate::wire::{After, Length};

const DONE: &[u8] = b"data: [DONE]\n\n";
const BROKEN: &[u8] =
    b"data: {\"id\":\"chatcmpl-broken\",\"choices\":[{\"index\":0,\"delta\":{\"cont\n\n";

/// Sends an answer as server-sent events, `pace` apart.
pub(crate) async fn send(
    exchange: &mut Exchange<'_, '_>,
    answer: &Answer,
    fault: &Fault,
    pace: Duration,
) -> io::Result<After> {
    let gzip = *fault == Fault::Gzip;
    let head = exchange.head(200).set("content-type", "text/event-stream; charset=utf-8");
    let head = head.set("cache-control", "no-cache").set("x-accel-buffering", "no");
    let head = if gzip { head.set("content-encoding", "gzip") } else { head }.renamed_by(fault);
    exchange.begin(&head, Length::Chunked).await?;
    let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let mut stream = EventStream { exchange, fault, gzip };
    stream.precede().await?;
    if let Fault::HugeEvent { bytes } = fault {
        return stream.send_huge(answer, *bytes).await;
    }
    stream.send_events(answer, pace).await
}

struct EventStream<'e, 'a, 'w> {
    exchange: &'e mut Exchange<'a, 'w>,
    fault: &'e Fault,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl EventStream<'_, '_, '_> {
    /// What comes between the headers and the first event.
    async fn precede(&mut self) -> io::Result<()> {
        if let Fault::SlowFirstToken { delay } = self.fault {
            pause(*delay).await;
        }
        send_comments(self.exchange, self.fault, b": keep-alive\n\n").await
    }

    async fn send_events(&mut self, answer: &Answer, pace: Duration) -> io::Result<After> {
        let events = answer.events();
        let strike = self.fault.strikes_after().map(|chunks| chunks.min(events.len()));
        for (sent, event) in events.iter().enumerate() {
            if strike == Some(sent)
                && let Some(after) = self.strike().await?
            {
                return Ok(after);
            }
            if matches!(event, Event::Text(..) | Event::Arguments(..)) {
                pause(pace).await;
            }
            self.send_event(&answer.event_body(*event)).await?;
        }
        if strike == Some(events.len())
            && let Some(after) = self.strike().await?
        {
            return Ok(after);
        }
        self.end(*self.fault != Fault::NoDone).await
    }

    /// The fault in mid-stream. Gives nothing if the stream goes on after it.
    async fn strike(&mut self) -> io::Result<Option<After>> {
        match self.fault {
            Fault::Cut { pause: before, .. } => {
                pause(*before).await;
                self.exchange.break_off(After::Close)
            }
            Fault::EndEarly { .. } => {
                self.exchange.visit.finish(Finished::Faulted);
                self.end(false).await
            }
            Fault::Stall { .. } => self.exchange.fall_silent().await,
            Fault::ErrorInStream { then_done, .. } => {
                let (_, error) = self.fault.error().unwrap_or_default();
                self.send_event(&error).await?;
                self.exchange.visit.finish(Finished::Faulted);
                self.end(*then_done).await
            }
            Fault::Malformed { .. } => {
                self.exchange.visit.note_chunk();
                return self.write(BROKEN).await.map(|()| None);
            }
            _ => return Ok(None),
        }
        .map(Some)
    }

    async fn send_huge(&mut self, answer: &Answer, bytes: u64) -> io::Result<After> {
        let answer = answer.clone().with_text(huge::PLACE);
        for event in answer.events() {
            let body = answer.event_body(event);
            if !matches!(event, Event::Text(..)) {
                self.send_event(&body).await?;
                continue;
            }
            let (before, after) = huge::around(&body);
            self.exchange.visit.note_chunk();
            self.write(format!("data: {before}").as_bytes()).await?;
            for piece in huge::pieces(bytes) {
                self.write(piece).await?;
            }
            self.write(format!("{after}\n\n").as_bytes()).await?;
        }
        self.end(true).await
    }

    async fn send_event(&mut self, body: &Value) -> io::Result<()> {
        // Noted first: whoever has read an event finds it counted.
        self.exchange.visit.note_chunk();
        self.write(format!("data: {body}\n\n").as_bytes()).await
    }

    /// Ends the stream; it counts as complete before `[DONE]` is out.
    async fn end(&mut self, done: bool) -> io::Result<After> {
        self.exchange.visit.finish(Finished::Completed);
        if done {
            self.write(DONE).await?;
        }
        if let Some(gzip) = self.gzip.take() {
            self.exchange.wire.chunk(&gzip.finish()?).await?;
        }
        self.exchange.end_body().await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(gzip) = &mut self.gzip else {
            return self.exchange.wire.chunk(bytes).await;
        };
        gzip.write_all(bytes)?;
        // Flushed per event, or the client would see nothing until the end.
        gzip.flush()?;
        let compressed = std::mem::take(gzip.get_mut());
        self.exchange.wire.chunk(&compressed).await
    }
}
