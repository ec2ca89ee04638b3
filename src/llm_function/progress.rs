//! What a streamed call tells while it runs, one thing at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use serde_json::Value;

use super::trace::ToolRun;
use crate::lock::lock;

/// Something that has happened on the way to an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// The answer so far.
    Partial(Value),
    /// What was shown is void; why.
    Again(Vec<String>),
    /// A tool has been called.
    Tool(ToolRun),
}

/// What has happened and has not been told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<Mutex<VecDeque<Step>>>);

impl Steps {
    pub fn next(&self) -> Option<Step> {
        lock(&self.0).pop_front()
    }
}

/// Tells of a call, if somebody listens.
#[derive(Clone, Debug, Default)]
pub(super) struct Teller(Option<Steps>);

impl Teller {
    pub fn to(steps: Steps) -> Self {
        Self(Some(steps))
    }

    pub fn has_listener(&self) -> bool {
        self.0.is_some()
    }

    /// Tells a step, and waits until it has been heard: a slow reader holds the call up. Nobody need wake
    /// it: who hears and who runs the call are one.
    pub async fn tell(&self, step: Step) {
        let Some(Steps(steps)) = &self.0 else { return };
        lock(steps).push_back(step);
        poll_fn(|_| if lock(steps).is_empty() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}
