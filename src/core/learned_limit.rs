//! What is known of the limit that a key has at its provider, and when its next request may go out.
//! Times are seconds since the clock's origin: rates are made of them.

use super::felt_limit::FeltLimit;
use super::limit_headers::Quota;
use super::send_log::SendLog;
use super::slow_start::SlowStart;
use super::time::{Timestamp, from_seconds};
use super::told_limit::{Limit, Sent, ToldLimit};
pub use kinship::{Grain, Kinship};

mod kinship;

/// A key's limit, as far as it is known.
#[derive(Debug)]
pub struct LearnedLimit {
    stage: Stage,
    log: SendLog,
    /// Until when the last refusal asked to wait, while nothing was sent since.
    asked_until: Option<f64>,
    pub kinship: Kinship,
}

#[derive(Debug)]
enum Stage {
    /// Nothing is known.
    Starting(SlowStart),
    /// The provider tells of it.
    Told(ToldLimit),
    /// The provider does not; it only refuses.
    Felt(FeltLimit),
}

/// What keys can learn from each other: mostly all have the same limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hint {
    Told(Limit),
    Gap(f64),
}

/// What was heard of a request.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub sent: Sent,
    pub quota: Option<Quota>,
}

/// What is under way on an account.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub in_flight: u32,
    /// No request of it that is watched has a larger number.
    pub so_far: u64,
}

impl Load {
    /// What to go by after an answer to a request that was sent at that moment. Which of those under way
    /// were sent later is not known: all.
    fn log(self, at: f64) -> (SendLog, Sent) {
        let in_flight = u64::from(self.in_flight).max(1);
        let count = self.so_far.max(in_flight);
        (SendLog::after(count), Sent { number: count + 1 - in_flight, at })
    }
}

impl LearnedLimit {
    /// Nothing is known of the limit, and nobody has set one. The key that leads tries out how much
    /// there is; the others wait for what it finds.
    pub fn starting(leads: bool) -> Self {
        Self::at(Stage::Starting(SlowStart::new(leads)), SendLog::after(0))
    }

    /// The limit that this answer tells of; none where it is too far off to matter.
    pub fn told_by(heard: Heard, load: Load) -> Option<Self> {
        let quota = heard.quota?;
        if quota.remaining > 2 * u64::from(load.in_flight) + 16 {
            return None;
        }
        let (log, sent) = load.log(heard.sent.at);
        Some(Self::at(Stage::Told(ToldLimit::new(sent, quota, None)), log))
    }

    /// It is the limit of more keys than was thought, as this answer shows.
    pub fn begins_anew(&mut self, heard: Heard, load: Load) {
        let Some(quota) = heard.quota else { return };
        let (log, sent) = load.log(heard.sent.at);
        self.log = log;
        match &mut self.stage {
            Stage::Told(limit) => limit.begin_anew(sent, quota),
            stage => *stage = Stage::Told(ToldLimit::new(sent, quota, None)),
        }
    }

    /// The limit that a refusal without a word lets expect.
    pub fn refused_by(now: f64, asked: Option<f64>) -> Self {
        Self::at(Stage::Felt(FeltLimit::unmeasured(now, asked)), SendLog::after(0))
    }

    fn at(stage: Stage, log: SendLog) -> Self {
        Self { stage, log, asked_until: None, kinship: Kinship::default() }
    }

    /// When the next request may go out, while so many are under way, if that is ever to be waited for.
    pub fn free_at(&self, in_flight: u32) -> Option<Timestamp> {
        let at = match &self.stage {
            Stage::Starting(start) => start.free_at(in_flight),
            // What a refusal says of itself is exact: what is told needs a margin.
            Stage::Told(limit) => {
                limit.free_at(&self.log).min(self.asked_until.unwrap_or(f64::MAX))
            }
            Stage::Felt(limit) => limit.free_at(),
        };
        if at > 0.0 { from_seconds(at).map(Timestamp::new) } else { None }
    }

    /// Whether nothing is known yet.
    pub fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Starting(_))
    }

    /// So few requests wait that this many may go at once.
    pub fn lets_go(&mut self, requests: u32) {
        if let Stage::Starting(start) = &mut self.stage {
            start.lets_go(requests);
        }
    }

    /// Whether so much has been answered that there seems to be no limit.
    pub fn shows_no_limit(&self) -> bool {
        matches!(&self.stage, Stage::Starting(start) if start.shows_no_limit())
    }

    /// Whether it says itself how long the key rests after a refusal.
    pub fn says_rest(&self) -> bool {
        matches!(&self.stage, Stage::Felt(limit) if limit.says_rest())
    }

    /// Whether it is no longer to be gone by.
    pub fn is_forgotten(&self, now: f64) -> bool {
        matches!(&self.stage, Stage::Felt(limit) if limit.is_forgotten(now))
    }

    /// A request goes out; its number.
    pub fn sends(&mut self, now: f64) -> u64 {
        if let Stage::Told(limit) = &mut self.stage {
            limit.sends(now, &self.log);
        }
        self.asked_until = None;
        let number = self.log.push(now);
        match &mut self.stage {
            Stage::Starting(start) => start.sends(now),
            Stage::Felt(limit) => limit.sends(now),
            Stage::Told(_) => {}
        }
        number
    }

    /// A refusal asks to wait for so many seconds.
    pub fn asks(&mut self, now: f64, seconds: Option<f64>) {
        self.asked_until = seconds.map(|seconds| now + seconds);
    }

    /// A request has begun to be answered.
    pub fn answered(&mut self, heard: Heard, now: f64) {
        match &mut self.stage {
            Stage::Felt(limit) => limit.answered(),
            Stage::Starting(start) => start.answered(heard.sent, now),
            Stage::Told(_) => {}
        }
        if let Some(quota) = heard.quota {
            self.told(heard.sent, quota, None);
        }
    }

    /// A request has been refused with 429; the provider may have asked to wait for so many seconds.
    /// False if it is one more of a burst that is known to have been too much.
    pub fn refused(&mut self, heard: Heard, now: f64, asked: Option<f64>) -> bool {
        let Heard { sent, quota } = heard;
        self.log.strike(sent.number);
        match (&mut self.stage, quota) {
            (Stage::Told(limit), Some(quota)) if limit.limit.requests == quota.limit => {
                limit.refused(sent, quota, &self.log);
            }
            (_, Some(quota)) => {
                let before = self.log.times().take_while(|&at| at < sent.at).last();
                self.told(sent, quota, before);
                if let Stage::Told(limit) = &mut self.stage {
                    limit.doubt_bucket(sent, &self.log);
                }
            }
            (Stage::Felt(limit), _) => return limit.refused(sent, &self.log, now, asked),
            // Nothing has been granted as yet: it begins anew.
            (Stage::Starting(_), _) if self.log.len() == 0 => {}
            (Stage::Starting(_) | Stage::Told(_), _) => {
                self.stage = Stage::Felt(FeltLimit::new(&self.log, now, asked));
            }
        }
        true
    }

    fn told(&mut self, sent: Sent, quota: Quota, before: Option<f64>) {
        match &mut self.stage {
            Stage::Told(limit) if limit.limit.requests == quota.limit => limit.learn(sent, quota),
            stage => *stage = Stage::Told(ToldLimit::new(sent, quota, before)),
        }
    }

    /// What others may go by.
    pub fn hint(&self) -> Option<Hint> {
        match &self.stage {
            Stage::Starting(_) => None,
            Stage::Told(limit) => Some(Hint::Told(limit.limit)),
            Stage::Felt(limit) => limit.proven_gap().map(Hint::Gap),
        }
    }

    /// So many requests in so many seconds, as far as is known.
    pub fn known(&self) -> Option<(u64, f64)> {
        Some(match self.hint()? {
            Hint::Told(limit) => (limit.requests, limit.per),
            Hint::Gap(gap) => (1, gap),
        })
    }

    /// Whether it goes by what other keys find.
    pub fn follows(&self) -> bool {
        match &self.stage {
            Stage::Starting(_) => true,
            Stage::Told(_) => false,
            Stage::Felt(limit) => limit.follows(),
        }
    }

    /// Goes by what another key has found, where it knows nothing itself.
    pub fn follow(&mut self, hint: Hint) {
        match (&mut self.stage, hint) {
            (stage @ Stage::Starting(_), Hint::Told(limit)) => {
                *stage = Stage::Told(ToldLimit::like(limit));
            }
            (stage @ Stage::Starting(_), Hint::Gap(gap)) => {
                *stage = Stage::Felt(FeltLimit::like(gap, &self.log));
            }
            (Stage::Felt(limit), Hint::Gap(gap)) => limit.follow(gap, &self.log),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn heard(number: u64, at: f64, quota: Option<(u64, u64, f64)>) -> Heard {
        let quota = quota.map(|(limit, remaining, reset)| Quota { limit, remaining, reset });
        Heard { sent: Sent { number, at }, quota }
    }

    fn free_at(limit: &LearnedLimit) -> f64 {
        limit.free_at(0).map_or(0.0, Timestamp::seconds)
    }

    #[test]
    fn a_bucket_is_told_from_a_window() {
        let learn = |resets: [f64; 5]| {
            let mut limit = LearnedLimit::starting(true);
            let numbers = [0; 5].map(|_| limit.sends(100.0));
            for ((number, left), reset) in numbers.into_iter().zip([4, 3, 2, 1, 0]).zip(resets) {
                limit.answered(heard(number, 100.0, Some((5, left, reset))), 100.1);
            }
            limit
        };
        let bucket = learn([0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(bucket.known(), Some((5, 1.0)));
        assert!((100.2..100.22).contains(&free_at(&bucket)), "its next, not all of them");
        let window = learn([0.7, 0.7, 0.7, 0.7, 0.7]);
        assert_eq!(window.known(), Some((5, 1.0)));
        assert!((100.7..100.72).contains(&free_at(&window)), "all of them, not one by one");
    }

    #[test]
    fn what_was_sent_since_counts_however_late_an_answer_comes() {
        let mut limit = LearnedLimit::starting(true);
        (0..4).for_each(|second| assert_eq!(limit.sends(f64::from(second)), second as u64 + 1));
        limit.answered(heard(1, 0.0, Some((60, 3, 57.0))), 4.0);
        assert!(free_at(&limit) > 57.0, "the three that were left have been sent");
        limit.answered(heard(3, 2.0, Some((60, 3, 55.0))), 5.0);
        assert_eq!(free_at(&limit), 0.0);
        limit.answered(heard(2, 1.0, Some((60, 0, 56.0))), 6.0);
        assert_eq!(free_at(&limit), 0.0, "an older answer is no news");
    }

    #[test]
    fn a_new_window_has_had_what_was_sent_since_it_began() {
        let mut limit = LearnedLimit::starting(true);
        let numbers = [100.0, 100.21, 100.42].map(|at| limit.sends(at));
        limit.answered(heard(numbers[0], 100.0, Some((5, 3, 0.27))), 100.47);
        let goes = |limit: &mut LearnedLimit| free_at(limit) < 100.48 && limit.sends(100.47) > 0;
        assert_eq!((0..9).take_while(|_| goes(&mut limit)).count(), 4);
    }

    #[test]
    fn what_a_refusal_asks_for_has_no_margin() {
        let mut limit = LearnedLimit::starting(true);
        let number = limit.sends(100.0);
        limit.answered(heard(number, 100.0, Some((1, 0, 1.0))), 100.1);
        assert!(free_at(&limit) > 101.0, "a margin for what is told");
        let number = limit.sends(100.2);
        limit.refused(heard(number, 100.2, Some((1, 0, 0.8))), 100.25, Some(0.75));
        limit.asks(100.25, Some(0.75));
        assert_eq!(free_at(&limit), 101.0);
        let number = limit.sends(101.0);
        limit.answered(heard(number, 101.0, Some((1, 0, 1.0))), 101.1);
        assert!(free_at(&limit) > 102.0, "as before");
    }

    #[test]
    fn a_limit_that_is_far_off_is_not_kept() {
        let plenty = heard(0, 1.0, Some((10_000, 9_990, 0.06)));
        let load = Load { in_flight: 3, so_far: 7 };
        assert!(LearnedLimit::told_by(plenty, load).is_none());
        let near = heard(0, 1.0, Some((10_000, 9, 60.0)));
        assert_eq!(LearnedLimit::told_by(near, load).unwrap().known().unwrap().0, 10_000);
    }

    #[test]
    fn what_is_granted_between_two_refusals_is_the_measure() {
        let mut limit = LearnedLimit::refused_by(0.0, Some(1.0));
        assert_eq!((free_at(&limit), limit.known()), (0.0, None));
        let mut refuse_the_ninth = |at: f64| {
            let numbers = [at; 9].map(|at| limit.sends(at));
            assert!(limit.refused(heard(numbers[8], at, None), at, Some(1.0)));
            assert!(!limit.refused(heard(numbers[7], at, None), at, None), "of the same burst");
            limit.known()
        };
        assert_eq!(refuse_the_ninth(1.5), None, "once may be by chance");
        let (requests, per) = refuse_the_ninth(3.0).unwrap();
        assert!(requests == 1 && (0.18..0.22).contains(&per), "8 in 1.5 s: {per}");
    }

    #[test]
    fn few_begin_and_nothing_is_heard_of_a_limit_any_more() {
        let mut limit = LearnedLimit::starting(false);
        let number = limit.sends(1.0);
        assert_eq!(limit.free_at(0), None, "one at a time may always go");
        assert!(
            limit.free_at(1).unwrap() > Timestamp::new(std::time::Duration::from_millis(1_200))
        );
        (0..64).for_each(|_| limit.answered(heard(number, 1.0, None), 1.0));
        assert!(limit.shows_no_limit());
    }
}
