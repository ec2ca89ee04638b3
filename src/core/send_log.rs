//! The requests that went out on a key of late: how many there were, and when.

use std::collections::VecDeque;

/// So many moments are kept.
pub const KEPT: usize = 64;

/// Requests by their numbers, from 1, and the moments of the last of them, in seconds.
#[derive(Debug)]
pub struct SendLog {
    count: u64,
    times: VecDeque<f64>,
}

impl SendLog {
    /// A log after `count` requests of which nobody knows when they were sent.
    pub fn after(count: u64) -> Self {
        Self { count, times: VecDeque::with_capacity(KEPT) }
    }

    /// Adds a request, and numbers it.
    pub fn push(&mut self, now: f64) -> u64 {
        if self.times.len() == KEPT {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.count += 1;
        self.count
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many were sent after the one of this number.
    pub fn since(&self, number: u64) -> u64 {
        self.count.saturating_sub(number)
    }

    /// When the last but `n - 1` was sent, if that is known.
    pub fn nth_last(&self, n: u64) -> Option<f64> {
        let place = self.times.len().checked_sub(usize::try_from(n).ok()?)?;
        self.times.get(place).copied()
    }

    /// When each was sent, the oldest first.
    pub fn times(&self) -> impl Iterator<Item = f64> {
        self.times.iter().copied()
    }

    /// Whether all of them are known.
    pub fn is_whole(&self) -> bool {
        self.times.len() < KEPT
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Takes out a request that was refused: it has used up nothing.
    pub fn strike(&mut self, number: u64) {
        let back = usize::try_from(self.since(number)).unwrap_or(usize::MAX);
        let place = self.times.len().checked_sub(back.saturating_add(1));
        if let Some(place) = place.filter(|_| number > 0) {
            self.times.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_the_refused_struck_out() {
        let mut log = SendLog::after(3);
        let numbers: Vec<u64> = (0..100).map(|second| log.push(f64::from(second))).collect();
        assert_eq!((numbers[0], numbers[99], log.count()), (4, 103, 103));
        assert_eq!((log.len(), log.is_whole(), log.since(100)), (KEPT, false, 3));
        assert_eq!(
            (log.nth_last(1), log.nth_last(64), log.nth_last(65)),
            (Some(99.0), Some(36.0), None)
        );
        log.strike(102);
        log.strike(3); // long forgotten
        assert_eq!(
            (log.nth_last(1), log.nth_last(2), log.len()),
            (Some(99.0), Some(97.0), KEPT - 1)
        );
    }
}
