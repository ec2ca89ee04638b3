//! Whose turn is first, wherever calls wait: an order that is known when a call comes and never
//! changes.

use std::time::Duration;

use super::time::Timestamp;

/// How much later a call may come, for each step of its priority, and still be earlier. So what waits
/// is overtaken only by what comes soon after it: nothing starves.
const STEP: Duration = Duration::from_secs(10);

/// The highest priority, and by its negative the lowest.
pub const HIGHEST: i8 = 100;

/// A place in the order; smaller is earlier. A call keeps its rank for all its waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    moment: u64,
    number: u64,
}

impl Rank {
    /// The rank of who came at `came`, with this priority: from −100 to 100, larger is earlier. Of those
    /// that come at the same moment, which a browser's clock makes of many, the one of the smaller
    /// `number` is first.
    pub fn new(came: Timestamp, priority: i8, number: u64) -> Self {
        let steps = i32::from(HIGHEST) - i32::from(priority.clamp(-HIGHEST, HIGHEST));
        Self { moment: (came + STEP * steps.unsigned_abs()).nanoseconds(), number }
    }
}

/// A place in one queue: by rank, and within a rank in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    rank: Rank,
    number: u64,
}

impl Ticket {
    /// Its rank.
    pub fn rank(self) -> Rank {
        self.rank
    }
}

/// Numbers the tickets of one queue.
#[derive(Debug, Default)]
pub struct Tickets(u64);

impl Tickets {
    /// How many it has given.
    pub fn given(&self) -> u64 {
        self.0
    }

    /// The ticket of the next to join.
    pub fn next(&mut self, rank: Rank) -> Ticket {
        self.0 += 1;
        Ticket { rank, number: self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, priority: i8) -> Rank {
        Rank::new(Timestamp::ZERO + Duration::from_secs(seconds), priority, 0)
    }

    #[test]
    fn a_step_of_priority_is_worth_ten_seconds() {
        assert!(at(0, 0) < at(1, 0));
        assert!(at(9, 1) < at(0, 0) && at(0, 0) < at(11, 1));
        assert_eq!(at(10, 1), at(0, 0));
        assert_eq!(at(2_000, HIGHEST), at(0, -HIGHEST));
    }

    #[test]
    fn at_one_moment_the_smaller_number_is_first() {
        let numbered = |priority, number| Rank::new(Timestamp::ZERO, priority, number);
        assert!(numbered(0, 1) < numbered(0, 2) && numbered(1, 2) < numbered(0, 1));
    }

    #[test]
    fn what_is_beyond_the_scale_counts_as_its_end() {
        assert_eq!(at(5, i8::MAX), at(5, HIGHEST));
        assert_eq!(at(5, i8::MIN), at(5, -HIGHEST));
    }

    #[test]
    fn within_a_rank_the_first_to_join_is_first() {
        let mut tickets = Tickets::default();
        let [first, second] = [at(1, 0), at(1, 0)].map(|rank| tickets.next(rank));
        assert!(first < second);
        assert!(tickets.next(at(0, 0)) < first);
    }
}
