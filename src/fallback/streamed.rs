//! A streamed call's way from target to target.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};

use super::walk::{Leg, Walk};
use crate::chat::{AnsweredBy, ChatChunk, Message, OnInterrupt, Restart};
use crate::chat_stream::{ChatStream, StreamRecord};
use crate::clocks::within;
use crate::error::{Attempt, Error};
use crate::events::Outcome;
use crate::lock::lock;
use crate::platform::boxed_stream;

/// A stream that breaks again and again is begun anew no more often.
const MOST_RESTARTS: u32 = 3;

/// A stream of the chunks of whichever target answers.
pub(super) fn stream(
    messages: Vec<Message>,
    set_out: impl FnOnce() -> Result<Walk, Error> + crate::MaybeSend + 'static,
    on_interrupt: OnInterrupt,
) -> ChatStream {
    let record = Arc::new(Record::default());
    let held = record.clone();
    let reading = stream::once(async move { set_out() }).flat_map(move |walk| {
        let reading = walk.map(|walk| Reading::new(walk, held.clone(), on_interrupt));
        stream::unfold(Progress::of(reading), Progress::next)
    });
    ChatStream::of_call(Arc::new(messages), boxed_stream(reading), Some(record))
}

/// What is known of the call so far, for whoever holds the stream.
#[derive(Default)]
struct Record(Mutex<Known>);

#[derive(Default)]
struct Known {
    answered_by: Option<AnsweredBy>,
    attempts: Vec<Attempt>,
}

impl StreamRecord for Record {
    fn answered_by(&self) -> Option<AnsweredBy> {
        lock(&self.0).answered_by.clone()
    }

    fn attempts(&self) -> Vec<Attempt> {
        lock(&self.0).attempts.clone()
    }

    /// Each target counts for itself.
    fn end(&self, _outcome: Outcome, _stream: &ChatStream) {}
}

/// How far the stream has got.
enum Progress {
    Reading(Box<Reading>),
    Failed(Error),
    Ended,
}

impl Progress {
    fn of(reading: Result<Reading, Error>) -> Self {
        match reading {
            Ok(reading) => Self::Reading(Box::new(reading)),
            Err(error) => Self::Failed(error),
        }
    }

    async fn next(self) -> Option<(Result<ChatChunk, Error>, Self)> {
        match self {
            Self::Reading(mut reading) => match reading.next().await? {
                Ok(chunk) => Some((Ok(chunk), Self::Reading(reading))),
                Err(error) => Some((Err(error), Self::Ended)),
            },
            Self::Failed(error) => Some((Err(error), Self::Ended)),
            Self::Ended => None,
        }
    }
}

struct Reading {
    walk: Walk,
    record: Arc<Record>,
    on_interrupt: OnInterrupt,
    current: Option<Current>,
    /// Chunks that can be handed out.
    ready: VecDeque<ChatChunk>,
    /// Why the answer that was shown has ended before its end.
    interrupted: Option<Error>,
    restarts: u32,
    is_over: bool,
}

/// The stream of the target that is asked.
struct Current {
    leg: Leg,
    stream: ChatStream,
    /// What came before its first visible token.
    held_back: VecDeque<ChatChunk>,
    is_visible: bool,
}

impl Reading {
    fn new(walk: Walk, record: Arc<Record>, on_interrupt: OnInterrupt) -> Self {
        Self {
            walk,
            record,
            on_interrupt,
            current: None,
            ready: VecDeque::new(),
            interrupted: None,
            restarts: 0,
            is_over: false,
        }
    }

    async fn next(&mut self) -> Option<Result<ChatChunk, Error>> {
        loop {
            match self.ready.pop_front() {
                Some(chunk) => return Some(Ok(chunk)),
                None if self.is_over => return None,
                None => {}
            }
            let mut current = match self.current.take().map_or_else(|| self.set_out(), Ok) {
                Ok(current) => current,
                Err(error) => return Some(Err(error)),
            };
            match current.read(&self.walk).await {
                Ok(Some(chunk)) => {
                    self.take(&mut current, chunk);
                    self.current = Some(current);
                }
                Ok(None) => {
                    if let Some(pass) = &current.leg.pass {
                        pass.ended(None);
                    }
                    self.show(&mut current); // what came without a visible token
                    self.is_over = true;
                }
                Err(error) => {
                    if let Err(error) = self.move_on(current, error).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    fn set_out(&mut self) -> Result<Current, Error> {
        let leg = self.walk.next_leg()?;
        lock(&self.record.0).attempts = self.walk.attempts(None);
        let stream = leg.chat_stream(&self.walk);
        Ok(Current { leg, stream, held_back: VecDeque::new(), is_visible: false })
    }

    /// Takes in a chunk: it is held back until something is visible.
    fn take(&mut self, current: &mut Current, chunk: ChatChunk) {
        let begins_anew = chunk.restart().is_some();
        let is_visible = chunk.is_visible() || begins_anew;
        current.held_back.push_back(chunk);
        if begins_anew {
            self.is_answered_by(current); // a fallback behind this one has gone on itself
        }
        if current.is_visible || is_visible {
            self.show(current);
        }
    }

    /// Hands out what was held back: from here on this target's answer is what is shown.
    fn show(&mut self, current: &mut Current) {
        if !std::mem::replace(&mut current.is_visible, true) {
            if let Some(pass) = &current.leg.pass {
                pass.answered();
            }
            self.is_answered_by(current);
            if let Some(interrupted) = self.interrupted.take() {
                let (target, reason) = (current.leg.target.name.clone(), interrupted.to_string());
                self.ready.push_back(ChatChunk::of_restart(&Restart { target, reason }));
            }
        }
        self.ready.append(&mut current.held_back);
    }

    fn is_answered_by(&self, current: &Current) {
        let by = current.stream.answered_by().unwrap_or_else(|| current.leg.answered_by());
        let attempts = self.walk.attempts(Some((&current.leg, current.stream.attempts())));
        *lock(&self.record.0) = Known { answered_by: Some(by), attempts };
    }

    /// Leaves a target that has failed.
    ///
    /// # Errors
    /// The call's.
    async fn move_on(&mut self, current: Current, error: Error) -> Result<(), Error> {
        let Current { leg, stream, is_visible, .. } = current;
        drop(stream); // nothing of it is held while the call goes on
        self.walk.failed(&leg, error.clone())?;
        lock(&self.record.0).attempts = self.walk.attempts(None);
        if !is_visible {
            return Ok(());
        }
        self.restarts += 1;
        let goes_on = self.on_interrupt == OnInterrupt::Restart
            && self.restarts <= MOST_RESTARTS
            && (!self.walk.is_over() || self.walk.again(&leg, self.restarts - 1).await);
        if !goes_on {
            return Err(error.with_attempts(self.walk.attempts(None)));
        }
        self.interrupted = Some(error);
        Ok(())
    }
}

impl Current {
    async fn read(&mut self, walk: &Walk) -> Result<Option<ChatChunk>, Error> {
        let limit = self.leg.limit_of_chunk(walk, self.is_visible);
        match limit {
            None => self.stream.next().await.transpose(),
            limit => match within(&*walk.runtime, limit, self.stream.next()).await {
                Ok(chunk) => chunk.transpose(),
                Err(limit) => Err(limit.failure().error),
            },
        }
    }
}
