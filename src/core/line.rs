//! The line of those who wait for a key, as a plain value: whose turn it is to look for one.
//!
//! Those who can use the same keys are a class, and stand in a line of their own by rank. Only the first
//! of a class takes a key; whoever takes one or leaves makes the next the first. A waiter that has not
//! looked for too long is passed over until it does: one forgotten future must not stop everybody
//! behind it.

use std::collections::VecDeque;
use std::time::Duration;

use super::rank::{Rank, Ticket, Tickets};
use super::time::Timestamp;

/// How late a waiter may look before those behind it may pass.
const GRACE: Duration = Duration::from_secs(1);

/// How often the first look whether they are still to wait, if nobody wakes them.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Those behind look less often, by so much for each who stands before them: a long line does not keep
/// the machine busy.
const LATER_BY: Duration = Duration::from_millis(20);

/// Where a waiter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    class: usize,
    ticket: Ticket,
}

/// Who waits, and leaves a handle `W` (what it takes to make it look again).
#[derive(Debug)]
pub struct Line<C, W> {
    /// One for each class; an empty one may be given to another.
    queues: Vec<Queue<C, W>>,
    tickets: Tickets,
}

#[derive(Debug)]
struct Queue<C, W> {
    class: C,
    /// In the order of their tickets.
    waiting: VecDeque<Waiter<W>>,
}

#[derive(Debug)]
struct Waiter<W> {
    ticket: Ticket,
    looks_again_at: Timestamp,
    handle: W,
}

impl<C, W> Default for Line<C, W> {
    fn default() -> Self {
        Self { queues: Vec::new(), tickets: Tickets::default() }
    }
}

impl<C: PartialEq, W: Clone> Line<C, W> {
    /// How many stand in it.
    pub fn len(&self) -> usize {
        self.queues.iter().map(|queue| queue.waiting.len()).sum()
    }

    /// Joins the line of a class.
    pub fn join(&mut self, class: C, rank: Rank, handle: W, now: Timestamp) -> Place {
        let ticket = self.tickets.next(rank);
        let class = self.class(class);
        let waiting = &mut self.queues[class].waiting;
        let place = waiting.partition_point(|waiter| waiter.ticket < ticket);
        waiting.insert(place, Waiter { ticket, looks_again_at: now, handle });
        Place { class, ticket }
    }

    /// A waiter looks: whether it is the first, and when to look again at the latest.
    pub fn look(&mut self, place: Place, handle: W, now: Timestamp) -> (bool, Timestamp) {
        let is_first = self.is_first(place, now);
        let waiting = &mut self.queues[place.class].waiting;
        let Some(index) = index(waiting, place.ticket) else { return (true, now) };
        let again = now + LOOKS_EVERY + LATER_BY * index as u32;
        (waiting[index].handle, waiting[index].looks_again_at) = (handle, again);
        (is_first, again)
    }

    /// Whether nobody who still looks stands before this one.
    pub fn is_first(&self, place: Place, now: Timestamp) -> bool {
        self.first(place.class, now).is_none_or(|first| first.ticket >= place.ticket)
    }

    /// Whether somebody of the class who still looks is of no later rank than one that comes now.
    pub fn is_ahead(&self, class: &C, rank: Rank, now: Timestamp) -> bool {
        let queue = self.queues.iter().position(|queue| queue.class == *class);
        let first = queue.and_then(|class| self.first(class, now));
        first.is_some_and(|first| first.ticket.rank() <= rank)
    }

    /// Leaves the line; whom to wake, if that makes another the first of the class.
    pub fn leave(&mut self, place: Place, now: Timestamp) -> Option<W> {
        let was_first = self.is_first(place, now);
        let waiting = &mut self.queues[place.class].waiting;
        waiting.remove(index(waiting, place.ticket)?);
        self.first(place.class, now).filter(|_| was_first).map(|first| first.handle.clone())
    }

    /// The first of each class, in the order of their ranks: whom to wake when a key may be ready.
    pub fn firsts(&self, now: Timestamp) -> Vec<W> {
        let classes = 0..self.queues.len();
        let mut firsts: Vec<_> = classes.filter_map(|class| self.first(class, now)).collect();
        firsts.sort_unstable_by_key(|first| first.ticket);
        firsts.into_iter().map(|first| first.handle.clone()).collect()
    }

    fn first(&self, class: usize, now: Timestamp) -> Option<&Waiter<W>> {
        self.queues[class].waiting.iter().find(|waiter| now - waiter.looks_again_at <= GRACE)
    }

    fn class(&mut self, class: C) -> usize {
        let known = self.queues.iter().position(|queue| queue.class == class);
        let free = known.or_else(|| self.queues.iter().position(|queue| queue.waiting.is_empty()));
        let Some(place) = free else {
            self.queues.push(Queue { class, waiting: VecDeque::new() });
            return self.queues.len() - 1;
        };
        self.queues[place].class = class;
        place
    }
}

fn index<W>(waiting: &VecDeque<Waiter<W>>, ticket: Ticket) -> Option<usize> {
    waiting.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    type Names = Line<&'static str, &'static str>;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(milliseconds)
    }

    fn join(line: &mut Names, class: &'static str, name: &'static str, priority: i8) -> Place {
        line.join(class, Rank::new(at(0), priority, 0), name, at(0))
    }

    #[test]
    fn the_first_of_each_class_looks() {
        let mut line = Names::default();
        let first = join(&mut line, "a", "first", 0);
        let second = join(&mut line, "a", "second", 0);
        let other = join(&mut line, "b", "other", 1);
        assert_eq!(line.firsts(at(0)), ["other", "first"]);
        assert!(line.look(first, "first", at(0)).0 && line.look(other, "other", at(0)).0);
        assert!(!line.look(second, "second", at(0)).0);
        assert_eq!(line.leave(first, at(0)), Some("second"));
        assert!(line.look(second, "second", at(0)).0);
        assert_eq!((line.leave(second, at(0)), line.leave(other, at(0))), (None, None));
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn a_higher_priority_goes_before() {
        let mut line = Names::default();
        let normal = join(&mut line, "a", "normal", 0);
        let urgent = join(&mut line, "a", "urgent", 1);
        assert!(!line.is_first(normal, at(0)) && line.is_first(urgent, at(0)));
        assert_eq!(line.leave(normal, at(0)), None, "who was not first makes no room");
        assert!(line.is_ahead(&"a", Rank::new(at(0), 1, 0), at(0)));
        assert!(!line.is_ahead(&"a", Rank::new(at(0), 2, 0), at(0)));
        assert!(!line.is_ahead(&"b", Rank::new(at(0), 0, 0), at(0)));
    }

    #[test]
    fn who_does_not_look_is_passed_over_until_it_does() {
        let mut line = Names::default();
        let forgotten = join(&mut line, "a", "forgotten", 0);
        let next = join(&mut line, "a", "next", 0);
        let (_, again) = line.look(next, "next", at(900));
        assert!(!line.look(next, "next", at(999)).0 && again <= at(2_000));
        assert!(line.look(next, "next", at(1_001)).0);
        assert!(line.look(forgotten, "forgotten", at(1_500)).0, "it looks again");
        assert!(!line.is_first(next, at(1_500)));
    }

    #[test]
    fn an_empty_class_makes_room_for_another() {
        let mut line = Names::default();
        for class in ["a", "b", "c"] {
            let place = join(&mut line, class, "one", 0);
            assert!(line.is_first(place, at(0)));
            line.leave(place, at(0));
        }
        assert_eq!(line.queues.len(), 1);
    }

    #[test]
    fn those_behind_look_less_often() {
        let mut line = Names::default();
        let places: Vec<Place> = (0..101).map(|_| join(&mut line, "a", "one", 0)).collect();
        let mut again = |place| line.look(place, "one", at(0)).1;
        assert_eq!((again(places[0]), again(places[100])), (at(1_000), at(3_000)));
    }
}
