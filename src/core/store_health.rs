//! Whether the state that processes share answers, and when it is asked again where it does not.

use std::time::Duration;

use super::time::Timestamp;

/// While it does not answer, it is asked so often whether it does again.
pub const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// So long after it should have been asked, whoever was to do that is taken to be gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// How a shared state is doing.
#[derive(Debug, Default)]
pub struct StoreHealth {
    /// How many processes it has told of last; 0 before its first answer.
    processes: u32,
    /// When it was last found down, while it is.
    down_at: Option<Timestamp>,
    /// When somebody last wanted to ask it.
    wanted_at: Timestamp,
    /// Whether whoever asked has stopped, as nobody wanted to know.
    is_given_up: bool,
}

impl StoreHealth {
    /// Whether it answers, as far as is known.
    pub fn is_up(&self) -> bool {
        self.down_at.is_none()
    }

    /// The part of every limit that is this process's own while it does not answer: one of so many.
    pub fn parts(&self) -> u32 {
        self.processes.max(1)
    }

    /// Whether it has ever answered.
    pub fn has_answered(&self) -> bool {
        self.processes > 0
    }

    /// It has answered. True if it did not before.
    pub fn answers(&mut self, processes: u32) -> bool {
        self.processes = processes.max(1);
        self.down_at.take().is_some()
    }

    /// It has not answered. True if it did before.
    pub fn is_silent(&mut self, now: Timestamp) -> bool {
        self.down_at.replace(now).is_none()
    }

    /// Whether to go on asking: it is down, and somebody waits or has been interested lately.
    pub fn is_asked_again(&mut self, somebody_waits: bool, now: Timestamp) -> bool {
        self.is_given_up = !somebody_waits && now - self.wanted_at > GONE_AFTER;
        !self.is_given_up && !self.is_up()
    }

    /// Somebody wants to ask it. True if it is down, and nobody sees to it that it is asked again.
    pub fn is_forgotten(&mut self, now: Timestamp) -> bool {
        self.wanted_at = now;
        let given_up = std::mem::take(&mut self.is_given_up);
        let is_late = |at| now - at > ASKED_AGAIN_AFTER + GONE_AFTER;
        let forgotten = self.down_at.is_some_and(|at| given_up || is_late(at));
        if forgotten {
            self.down_at = Some(now);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::new(Duration::from_secs(seconds))
    }

    #[test]
    fn is_up_until_it_is_silent_and_again_when_it_answers() {
        let mut health = StoreHealth::default();
        assert!(health.is_up() && !health.has_answered());
        assert!(!health.answers(4));
        assert_eq!((health.parts(), health.has_answered()), (4, true));
        assert!(health.is_silent(at(1)) && !health.is_silent(at(2)));
        assert!(!health.is_up());
        assert_eq!(health.parts(), 4, "as many as were seen last");
        assert!(health.answers(3) && health.is_up());
    }

    #[test]
    fn who_was_to_ask_again_is_replaced_once_where_it_is_gone() {
        let mut health = StoreHealth::default();
        assert!(!health.is_forgotten(at(99)));
        health.is_silent(at(100));
        assert!(!health.is_forgotten(at(106)));
        assert!(health.is_forgotten(at(107)));
        assert!(!health.is_forgotten(at(107)));
    }

    #[test]
    fn nobody_asks_for_ever_where_nobody_wants_to_know() {
        let mut health = StoreHealth::default();
        health.is_silent(at(100));
        assert!(!health.is_forgotten(at(101)));
        assert!(health.is_asked_again(false, at(106)));
        assert!(health.is_asked_again(true, at(107)));
        assert!(!health.is_asked_again(false, at(107)));
        assert!(health.is_forgotten(at(107)) && !health.is_forgotten(at(107)));
        health.answers(1);
        assert!(!health.is_asked_again(true, at(108)));
    }
}
