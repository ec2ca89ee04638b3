//! When attempts are sent, and how long their first tokens take.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lockkeeper::{Event, Observer};

/// Watches the client's calls.
pub struct Watch {
    /// The calendar's time at the beginning, from which a steady clock goes on.
    origin: f64,
    started: Instant,
    seen: Mutex<Seen>,
}

/// What has been seen.
#[derive(Clone, Default)]
pub struct Seen {
    /// When attempts were sent, in seconds since 1970.
    pub sent: Vec<f64>,
    /// The seconds from sending a request to its first visible token.
    pub first_token: Vec<f32>,
}

impl Watch {
    /// Nothing seen yet, with room for so many attempts.
    pub fn new(attempts: usize) -> Self {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seen =
            Seen { sent: Vec::with_capacity(attempts), first_token: Vec::with_capacity(attempts) };
        Self { origin: origin.as_secs_f64(), started: Instant::now(), seen: Mutex::new(seen) }
    }

    /// All that was seen.
    pub fn seen(&self) -> Seen {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

impl Observer for Watch {
    fn on_event(&self, _call: u64, event: &Event<'_>) {
        let now = self.origin + self.started.elapsed().as_secs_f64();
        let Ok(mut seen) = self.seen.lock() else { return };
        match event {
            Event::Sends { .. } => seen.sent.push(now),
            Event::FirstToken { took, .. } => seen.first_token.push(took.as_secs_f32()),
            _ => {}
        }
    }
}
