//! The token bucket as a plain value: what is in it, who waits, and when each will be served.
//!
//! Waiters *pull* their tokens: a waiter takes them in [`Bucket::poll`], at the moment when its
//! request really starts, so a token is never parked with somebody who has stopped looking. Each
//! waiter is told when to look again; the bucket names those who must look earlier (somebody ahead
//! has left). A waiter who does not look although it is due is passed over until it does: one
//! forgotten future must not stop everybody behind it.

use std::collections::VecDeque;
use std::time::Duration;

use super::fill::{EmptySince, Pace};
use super::rank::{Rank, Ticket, Tickets};
use super::time::{Timestamp, from_seconds};

/// How late a waiter may look before those behind it may pass.
const GRACE: Duration = Duration::from_secs(1);

/// What rounding may take from a token: far below what any provider counts, far above `f64`'s own
/// error.
const ROUNDING: f64 = 1e-6;

/// What a waiter is told when it looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// The tokens are taken: go.
    Granted,
    /// Look again at this moment, when the tokens will have come in.
    LookAgainAt(Timestamp),
    /// The tokens are there, and those ahead are late to take theirs. Their leaving tells; if they
    /// do not, look again at this moment, from when on they are passed over.
    BehindLateOnesUntil(Timestamp),
}

#[derive(Debug)]
struct Waiter<W> {
    ticket: Ticket,
    amount: f64,
    look_again_at: Timestamp,
    handle: W,
}

/// A bucket whose waiters leave a handle `W` (what it takes to make them look again).
#[derive(Debug)]
pub struct Bucket<W> {
    capacity: f64,
    refill_rate: f64,
    level: f64,
    updated: Timestamp,
    made: Timestamp,
    /// In the order of their tickets.
    waiting: VecDeque<Waiter<W>>,
    waiting_amount: f64,
    tickets: Tickets,
}

impl<W: Clone> Bucket<W> {
    /// A full bucket of `capacity` tokens that gains `refill_rate` tokens a second. Both must have
    /// been checked to be positive and finite.
    pub fn new(capacity: f64, refill_rate: f64, now: Timestamp) -> Self {
        Self {
            capacity,
            refill_rate,
            level: capacity,
            updated: now,
            made: now,
            waiting: VecDeque::new(),
            waiting_amount: 0.0,
            tickets: Tickets::default(),
        }
    }

    /// The most tokens it holds.
    pub fn capacity(&self) -> f64 {
        self.capacity
    }

    /// Tokens gained per second.
    pub fn refill_rate(&self) -> f64 {
        self.refill_rate
    }

    /// How it fills.
    pub fn pace(&self) -> Pace {
        Pace { each: 1.0 / self.refill_rate, whole: self.capacity / self.refill_rate }
    }

    /// How full it is, for whoever can take from it without the bucket, while nobody waits.
    pub fn lend(&self) -> Option<EmptySince> {
        let now = self.since_made(self.updated);
        self.waiting.is_empty().then(|| EmptySince::of(self.level, now, self.pace()))
    }

    /// Takes back what was lent, as it was when it was last taken from.
    pub fn take_back(&mut self, fill: EmptySince, last_taken: Timestamp) {
        self.updated = last_taken;
        self.level = fill.level(self.since_made(last_taken), self.pace());
    }

    fn since_made(&self, moment: Timestamp) -> f64 {
        seconds_between(self.made, moment)
    }

    /// How many wait.
    pub fn waiters(&self) -> usize {
        self.waiting.len()
    }

    /// How many have had to wait so far: each took a ticket.
    pub fn waits(&self) -> u64 {
        self.tickets.given()
    }

    /// The tokens in it now, never below 0, without what rounding has left in the last digits.
    pub fn tokens(&mut self, now: Timestamp) -> f64 {
        self.refill(now);
        (self.level.max(0.0) * 1e9).round_ties_even() / 1e9
    }

    /// Takes `amount` at once, or says when that would be possible. Whoever waits and is of no later
    /// rank comes first.
    pub fn try_take(&mut self, amount: f64, rank: Rank, now: Timestamp) -> Result<(), Timestamp> {
        self.refill(now);
        let place = self.waiting.partition_point(|waiter| waiter.ticket.rank() <= rank);
        let ahead = self.awake_amount(place, now);
        if ahead == 0.0 && self.holds(amount) {
            self.level -= amount;
            return Ok(());
        }
        Err(self.time_of(ahead + amount, now))
    }

    /// Joins the queue, to look again at `look_again_at`.
    pub fn join(&mut self, amount: f64, rank: Rank, handle: W, look_again_at: Timestamp) -> Ticket {
        let ticket = self.tickets.next(rank);
        let place = self.place(ticket).unwrap_or_else(|place| place);
        self.waiting_amount += amount;
        self.waiting.insert(place, Waiter { ticket, amount, look_again_at, handle });
        ticket
    }

    /// A waiter looks whether it is its turn, and leaves the handle to be called by next time.
    pub fn poll(&mut self, ticket: Ticket, handle: W, now: Timestamp) -> Turn {
        self.refill(now);
        let Ok(place) = self.place(ticket) else { return Turn::Granted };
        let amount = self.waiting[place].amount;
        let turn = match self.ahead_of(place, now) {
            None if self.holds(amount) => {
                self.level -= amount;
                self.remove(place);
                return Turn::Granted;
            }
            None => Turn::LookAgainAt(self.time_of(amount, now)),
            // There is enough for all of them: it is for the one ahead to take its part, or to be
            // passed over.
            Some((ahead, first_looks_at)) if self.holds(ahead + amount) => {
                let passed_over_at = first_looks_at + GRACE + Duration::from_nanos(1);
                Turn::BehindLateOnesUntil(passed_over_at)
            }
            Some((ahead, _)) => Turn::LookAgainAt(self.time_of(ahead + amount, now)),
        };
        let waiter = &mut self.waiting[place];
        waiter.handle = handle;
        if let Turn::LookAgainAt(at) | Turn::BehindLateOnesUntil(at) = turn {
            waiter.look_again_at = at;
        }
        turn
    }

    /// A waiter leaves without its tokens.
    pub fn leave(&mut self, ticket: Ticket) {
        if let Ok(place) = self.place(ticket) {
            self.remove(place);
        }
    }

    /// Tokens come back unused: the attempt that they were for never started. Less than none are taken,
    /// and what is not there is owed.
    pub fn give_back(&mut self, amount: f64, now: Timestamp) {
        self.refill(now);
        self.level = (self.level + amount).min(self.capacity);
    }

    /// Changes how much it holds and gains.
    pub fn set_limits(&mut self, capacity: f64, refill_rate: f64, now: Timestamp) {
        self.refill(now);
        self.level = (self.level + capacity - self.capacity).min(capacity);
        (self.capacity, self.refill_rate) = (capacity, refill_rate);
    }

    /// Takes what it holds beyond `level`.
    pub fn lower_to(&mut self, level: f64, now: Timestamp) {
        self.refill(now);
        self.level = self.level.min(level);
    }

    /// Fills the bucket.
    pub fn reset(&mut self, now: Timestamp) {
        self.updated = now;
        self.level = self.capacity;
    }

    /// The waiter that should look earlier than it means to, because the queue has moved up, or
    /// because its timer is late.
    pub fn moved_up(&mut self, now: Timestamp) -> Option<W> {
        if self.waiting.is_empty() {
            return None;
        }
        self.refill(now);
        let (level, rate) = (self.level, self.refill_rate);
        let next = self.waiting.iter_mut().find(|waiter| !is_asleep(waiter, now))?;
        let could_be_served_at = now + seconds((next.amount - level) / rate);
        let is_late = next.look_again_at < now && could_be_served_at <= now;
        if could_be_served_at >= next.look_again_at && !is_late {
            return None;
        }
        // Who is late stays so until it looks.
        next.look_again_at = next.look_again_at.min(could_be_served_at);
        Some(next.handle.clone())
    }

    fn refill(&mut self, now: Timestamp) {
        // A clock that has stepped back yields nothing, and what comes after counts from there: so
        // `now` must be read by whoever has the bucket to itself.
        let gained = seconds_between(self.updated, now) * self.refill_rate;
        self.level = (self.level + gained).min(self.capacity);
        self.updated = now;
    }

    fn holds(&self, amount: f64) -> bool {
        self.level + ROUNDING >= amount
    }

    /// When `amount` tokens will have come in, counted from what is there now.
    fn time_of(&self, amount: f64, now: Timestamp) -> Timestamp {
        now + seconds((amount - self.level) / self.refill_rate)
    }

    /// What is asked for by those ahead of `place` who still look.
    fn awake_amount(&self, place: usize, now: Timestamp) -> f64 {
        if place < self.waiting.len() {
            return self.ahead_of(place, now).map_or(0.0, |(amount, _)| amount);
        }
        // Ahead of the end are all, whose sum is known but for those who do not look. They are found at
        // the front: the moments to look are in the queue's order, but for those who were overtaken.
        let asleep = self.waiting.iter().take_while(|waiter| is_asleep(waiter, now));
        let (count, amount) =
            asleep.fold((0, 0.0), |(count, sum), waiter| (count + 1, sum + waiter.amount));
        // No rounding is taken for somebody who waits.
        if count == self.waiting.len() { 0.0 } else { self.waiting_amount - amount }
    }

    /// Where the holder of a ticket stands.
    fn place(&self, ticket: Ticket) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&ticket, |waiter| waiter.ticket)
    }

    /// What is asked for by those ahead of `place` who still look, and when the first of them will;
    /// `None` if there is nobody.
    fn ahead_of(&self, place: usize, now: Timestamp) -> Option<(f64, Timestamp)> {
        let ahead = self.waiting.iter().take(place);
        ahead.filter(|waiter| !is_asleep(waiter, now)).fold(None, |sum, waiter| {
            let (amount, first_looks_at) = sum.unwrap_or((0.0, waiter.look_again_at));
            Some((amount + waiter.amount, first_looks_at))
        })
    }

    fn remove(&mut self, place: usize) {
        if let Some(waiter) = self.waiting.remove(place) {
            self.waiting_amount -= waiter.amount;
        }
        if self.waiting.is_empty() {
            self.waiting_amount = 0.0; // no rounding is carried on
        }
    }
}

/// The seconds from one moment to another, 0 where it is no later.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.nanoseconds().saturating_sub(earlier.nanoseconds()) as f64 * 1e-9
}

fn is_asleep<W>(waiter: &Waiter<W>, now: Timestamp) -> bool {
    now - waiter.look_again_at > GRACE
}

/// Rounded up to the next nanosecond, so that whoever waits so long is not a hair too early.
fn seconds(value: f64) -> Duration {
    if value <= 0.0 {
        return Duration::ZERO;
    }
    let exact = from_seconds(value).unwrap_or(Duration::MAX);
    exact.saturating_add(Duration::from_nanos(1))
}

#[cfg(test)]
mod tests;
