//! The bucket's laws, over random sequences of whatever callers do: no window holds more than
//! `capacity + rate · t`, first come first served, no token lies unused while somebody waits, and who
//! leaves is gone.
//!
//! The callers here look when they are told to and at once when they are named, as those of the
//! shared bucket do. Beside the bucket a naive count is kept of what must be in it.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::*;
use crate::core::tests::trials::a_thousand;

/// What rounding may take from a token, or add to it.
const SLIGHT: f64 = 1e-5;

/// What callers do. Waiters are told by their place in the queue.
#[derive(Clone, Debug)]
enum Op {
    /// Takes so many tokens, or waits for them, at this priority.
    Acquire(u8, i8),
    /// Takes so many tokens if they are there, at this priority.
    Try(u8, i8),
    /// Looks before it is told to.
    Look(Index),
    Leave(Index),
    /// Lets so many milliseconds pass; of two that look at the same moment the last may be first.
    Pass(u64, bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..=2u8, priority()).prop_map(|(amount, priority)| Op::Acquire(amount, priority)),
        1 => (1..=2u8, priority()).prop_map(|(amount, priority)| Op::Try(amount, priority)),
        1 => any::<Index>().prop_map(Op::Look),
        2 => any::<Index>().prop_map(Op::Leave),
        3 => (0..3_000u64, any::<bool>()).prop_map(|(time, last)| Op::Pass(time, last)),
    ]
}

/// Mostly that of all others.
fn priority() -> impl Strategy<Value = i8> {
    prop_oneof![3 => Just(0i8), 1 => -1..=1i8]
}

/// What changes the count besides.
#[derive(Clone, Debug)]
enum Change {
    Op(Op),
    GiveBack,
    Reset,
    Limits(f64, f64),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => op().prop_map(Change::Op),
        1 => Just(Change::GiveBack),
        1 => Just(Change::Reset),
        1 => limits().prop_map(|(capacity, rate)| Change::Limits(capacity, rate)),
    ]
}

fn limits() -> impl Strategy<Value = (f64, f64)> {
    (2.0..6.0, 0.1..10.0)
}

struct Trial {
    bucket: Bucket<u64>,
    now: Timestamp,
    /// The naive count, and when it was true.
    count: (f64, Timestamp),
    /// Those who wait, by rank, and within a rank in the order in which they came.
    waiting: Vec<Waits>,
    names: u64,
    granted: Vec<(f64, f64)>,
}

struct Waits {
    name: u64,
    rank: Rank,
    ticket: Ticket,
    amount: f64,
    looks_at: Timestamp,
}

impl Trial {
    fn new((capacity, rate): (f64, f64)) -> Self {
        let now = Timestamp::ZERO;
        let bucket = Bucket::new(capacity, rate, now);
        let count = (capacity, now);
        Self { bucket, now, count, waiting: Vec::new(), names: 0, granted: Vec::new() }
    }

    fn does(&mut self, op: &Op) {
        match op {
            Op::Acquire(amount, priority) => {
                self.acquire((*amount).into(), Rank::new(self.now, *priority, 0));
            }
            Op::Try(amount, priority) => {
                let (amount, rank) = ((*amount).into(), Rank::new(self.now, *priority, 0));
                if self.bucket.try_take(amount, rank, self.now).is_ok() {
                    self.takes(amount, self.place_of(rank));
                }
            }
            Op::Look(index) if !self.waiting.is_empty() => {
                self.look(index.index(self.waiting.len()));
            }
            Op::Leave(index) if !self.waiting.is_empty() => {
                let gone = self.waiting.remove(index.index(self.waiting.len()));
                self.bucket.leave(gone.ticket);
            }
            Op::Look(_) | Op::Leave(_) => {}
            Op::Pass(time, last) => self.pass(Duration::from_millis(*time), *last),
        }
        self.settle();
    }

    fn changes(&mut self, change: &Change) {
        let level = self.level();
        match change {
            Change::Op(op) => return self.does(op),
            Change::GiveBack => {
                self.bucket.give_back(1.0, self.now);
                self.count = ((level + 1.0).min(self.bucket.capacity), self.now);
            }
            Change::Reset => {
                self.bucket.reset(self.now);
                self.count = (self.bucket.capacity, self.now);
            }
            Change::Limits(capacity, rate) => {
                let taken = self.bucket.capacity - level;
                self.bucket.set_limits(*capacity, *rate, self.now);
                self.count = (capacity - taken, self.now);
            }
        }
        self.settle();
    }

    /// What must be in the bucket now.
    fn level(&self) -> f64 {
        let (level, at) = self.count;
        let gained = (self.now - at).as_secs_f64() * self.bucket.refill_rate;
        (level + gained).min(self.bucket.capacity)
    }

    /// Where one of this rank would stand.
    fn place_of(&self, rank: Rank) -> usize {
        self.waiting.partition_point(|waits| waits.rank <= rank)
    }

    /// Somebody takes so many who stands at this place.
    fn takes(&mut self, amount: f64, place: usize) {
        assert_eq!(place, 0, "somebody was passed over");
        let level = self.level();
        assert!(level + SLIGHT >= amount, "{amount} were taken of {level}");
        self.count = (level - amount, self.now);
        self.granted.push((self.now.since_origin().as_secs_f64(), amount));
    }

    fn acquire(&mut self, amount: f64, rank: Rank) {
        let place = self.place_of(rank);
        match self.bucket.try_take(amount, rank, self.now) {
            Ok(()) => self.takes(amount, place),
            Err(looks_at) => {
                self.names += 1;
                let name = self.names;
                let ticket = self.bucket.join(amount, rank, name, looks_at);
                self.waiting.insert(place, Waits { name, rank, ticket, amount, looks_at });
            }
        }
    }

    fn look(&mut self, place: usize) {
        let Waits { name, ticket, amount, .. } = self.waiting[place];
        match self.bucket.poll(ticket, name, self.now) {
            Turn::Granted => {
                self.waiting.remove(place);
                self.takes(amount, place);
            }
            Turn::LookAgainAt(at) | Turn::BehindLateOnesUntil(at) => {
                assert!(at > self.now, "it would look again and again");
                self.waiting[place].looks_at = at;
            }
        }
    }

    /// Whoever the bucket names looks at once.
    fn settle(&mut self) {
        let mut named = 0;
        while let Some(name) = self.bucket.moved_up(self.now) {
            let place = self.waiting.iter().position(|waits| waits.name == name);
            self.look(place.expect("one who waits"));
            named += 1;
            assert!(named <= self.names, "the same is named again and again");
        }
        let level = self.level();
        assert_eq!(self.bucket.waiters(), self.waiting.len());
        assert!((self.bucket.tokens(self.now) - level.max(0.0)).abs() < SLIGHT);
        self.no_token_lies_unused();
    }

    fn no_token_lies_unused(&self) {
        let (level, first) = (self.level(), self.waiting.first());
        let amount = first.map_or(f64::INFINITY, |waits| waits.amount);
        assert!(level < amount + SLIGHT, "{level} lie there, {amount} are waited for");
    }

    fn pass(&mut self, time: Duration, last_is_first: bool) {
        let until = self.now + time;
        while let Some(at) = self.waiting.iter().map(|waits| waits.looks_at).min()
            && at <= until
        {
            self.now = at;
            self.no_token_lies_unused();
            let is_due = |waits: &Waits| waits.looks_at == at;
            let due = match last_is_first {
                true => self.waiting.iter().rposition(is_due),
                false => self.waiting.iter().position(is_due),
            };
            self.look(due.expect("the one just found"));
            self.settle();
        }
        self.now = until;
    }

    /// From each grant to each later one.
    fn no_window_holds_more(&self) {
        for (first, &(from, _)) in self.granted.iter().enumerate() {
            let mut sum = 0.0;
            for &(at, amount) in &self.granted[first..] {
                sum += amount;
                let most = self.bucket.capacity + self.bucket.refill_rate * (at - from);
                assert!(sum <= most + SLIGHT, "{sum} from {from} to {at}, where {most} may");
            }
        }
    }
}

proptest! {
    #![proptest_config(a_thousand())]

    #[test]
    fn hold_for_whatever_callers_do(
        limits in limits(),
        ops in proptest::collection::vec(op(), 1..80),
    ) {
        let mut trial = Trial::new(limits);
        ops.iter().for_each(|op| trial.does(op));
        trial.no_window_holds_more();
    }

    #[test]
    fn hold_while_the_limits_change(
        limits in limits(),
        changes in proptest::collection::vec(change(), 1..80),
    ) {
        let mut trial = Trial::new(limits);
        changes.iter().for_each(|change| trial.changes(change));
    }
}
