//! The pool against a list of keys that is searched, over random sequences of whatever can happen.
//!
//! What an attempt means for the health of its key is asked of [`Slot`], for both: that is held to
//! its contract by the simulation. Here is told which key is next and what becomes of it, which the
//! pool finds through heaps, names and slots that are used again, and the list by looking at each.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::*;
use crate::core::tests::trials::a_thousand;

const KEYS: [&str; 5] =
    ["sk-one-0001", "sk-two-0002", "sk-three-0003", "sk-four-0004", "sk-five-0005"];
const MODELS: [&str; 2] = ["m", "n"];
const SCOPES: usize = 3;

/// What can happen. Scopes are told by number, leases by their place among those that were given.
#[derive(Clone, Debug)]
enum Op {
    Add(&'static str, usize),
    Remove(&'static str, usize),
    Revive(&'static str),
    Adjust(&'static str, bool),
    /// With fewer than so many in flight on its key.
    Lease(&'static str, usize, u32),
    Answers(Index),
    Release(Index, KeyFate),
    /// A lease that was ended already is ended again.
    ReleaseAgain(Index, KeyFate),
    Pass(Duration),
}

fn op() -> impl Strategy<Value = Op> {
    let key = || select(KEYS.as_slice());
    let (model, lease) = (select(MODELS.as_slice()), any::<Index>);
    prop_oneof![
        3 => (key(), 0..SCOPES).prop_map(|(key, scope)| Op::Add(key, scope)),
        1 => (key(), 0..SCOPES).prop_map(|(key, scope)| Op::Remove(key, scope)),
        1 => key().prop_map(Op::Revive),
        1 => (key(), any::<bool>()).prop_map(|(key, up)| Op::Adjust(key, up)),
        8 => (model, 0..SCOPES, select(&[1, 2, 5, u32::MAX][..]))
            .prop_map(|(model, scope, most)| Op::Lease(model, scope, most)),
        1 => lease().prop_map(Op::Answers),
        5 => (lease(), fate()).prop_map(|(lease, fate)| Op::Release(lease, fate)),
        1 => (lease(), fate()).prop_map(|(lease, fate)| Op::ReleaseAgain(lease, fate)),
        2 => (0..800u64).prop_map(|seconds| Op::Pass(Duration::from_secs(seconds))),
    ]
}

fn fate() -> impl Strategy<Value = KeyFate> {
    let rest = || (1..900u64).prop_map(Duration::from_secs);
    prop_oneof![
        3 => Just(KeyFate::Works),
        1 => Just(KeyFate::Unchanged),
        1 => Just(KeyFate::Cancelled),
        1 => proptest::option::of(rest()).prop_map(KeyFate::Limited),
        1 => proptest::option::of(rest()).prop_map(KeyFate::Exhausted),
        1 => Just(KeyFate::Denied),
        1 => Just(KeyFate::Dead),
    ]
}

/// The pool, and beside it the list.
#[derive(Default)]
struct Both {
    pool: KeyPool,
    /// In the order in which they were added.
    list: Vec<Slot>,
    /// Numbers of the list's slots: no two that ever were have the same.
    made: u64,
    uses: u64,
    now: Timestamp,
    leases: Vec<Lease>,
    ended: Vec<Lease>,
}

#[derive(Clone)]
struct Lease {
    id: KeyId,
    model: &'static str,
    /// Which slot of the list it is of.
    number: u64,
}

fn second(n: u32) -> Duration {
    Duration::from_secs(1 << n.min(6))
}

impl Both {
    fn new() -> Self {
        let mut both = Self::default();
        for scope in 1..SCOPES {
            assert_eq!(both.pool.scope(&scope.to_string()), Scope(scope));
        }
        both
    }

    fn does(&mut self, op: Op) {
        match op {
            Op::Add(key, scope) => self.add(key, scope),
            Op::Remove(key, scope) => {
                let listed = self.listed(key).is_some_and(|slot| slot.leave(Scope(scope)));
                assert_eq!(self.pool.remove(&ApiKey::new(key), Scope(scope)), listed);
            }
            Op::Revive(key) => {
                self.pool.revive(&ApiKey::new(key));
                self.listed(key).map(Slot::revive);
            }
            Op::Adjust(key, up) => self.adjust(key, up),
            Op::Lease(model, scope, most) => self.lease(Wanted {
                model,
                scope: Scope(scope),
                most,
                limits: None,
                begins_slowly: false,
                waiting: 0,
            }),
            Op::Answers(index) if !self.leases.is_empty() => {
                let lease = index.get(&self.leases).clone();
                let now = self.now;
                self.learns(
                    &lease,
                    |slot| slot.works(lease.model, now),
                    |pool| pool.works(lease.id, lease.model, now),
                );
            }
            Op::Release(index, fate) if !self.leases.is_empty() => {
                let lease = self.leases.swap_remove(index.index(self.leases.len()));
                self.release(&lease, fate);
                self.ended.push(lease);
            }
            Op::ReleaseAgain(index, fate) if !self.ended.is_empty() => {
                let lease = index.get(&self.ended).clone();
                // The slot may still be there, for others: then it is one of their requests.
                if self.list.iter().all(|slot| slot.generation != lease.number) {
                    self.release(&lease, fate);
                }
            }
            Op::Answers(_) | Op::Release(..) | Op::ReleaseAgain(..) => {}
            Op::Pass(time) => self.now = self.now + time,
        }
        self.list.retain(|slot| !slot.retired || slot.in_flight > 0);
        self.looks_the_same();
    }

    fn listed(&mut self, key: &str) -> Option<&mut Slot> {
        self.list.iter_mut().find(|slot| slot.key.key.expose() == key)
    }

    fn add(&mut self, key: &'static str, scope: usize) {
        self.pool.add(ApiKey::new(key), Scope(scope));
        if self.listed(key).is_none() {
            self.made += 1;
            self.list.push(Slot::new(
                LabelledKey { key: ApiKey::new(key), label: key.into() },
                self.made,
            ));
        }
        self.listed(key).unwrap().join(Scope(scope));
    }

    fn adjust(&mut self, key: &'static str, up: bool) {
        self.uses += 1;
        let uses = self.uses;
        let slot = self.listed(key);
        let is_known = slot.is_some();
        if let Some(slot) = slot {
            slot.in_flight = if up { slot.in_flight + 1 } else { slot.in_flight.saturating_sub(1) };
            slot.last_used = if up { uses } else { slot.last_used };
        }
        assert_eq!(self.pool.adjust(&ApiKey::new(key), up), is_known);
    }

    /// The key with the fewest requests in flight, of those the one used longest ago, or a true
    /// reason why there is none.
    fn lease(&mut self, wanted: Wanted<'static>) {
        let (model, now) = (wanted.model, self.now);
        let ready = self.list.iter().filter(|slot| is_ready(slot, wanted, now));
        let best = ready.map(load).min();
        let next = self.pool.next(wanted, now);
        match (self.pool.lease(wanted, now), best) {
            (Ok(leased), Some(best)) => {
                assert_eq!(next, Ok(leased.id));
                self.uses += 1;
                let uses = self.uses;
                let slot = self.listed(leased.key.key.expose()).unwrap();
                assert!(is_ready(slot, wanted, now), "{slot:?}");
                assert_eq!(load(slot), best);
                (slot.in_flight, slot.last_used) = (slot.in_flight + 1, uses);
                slot.counts.attempts += 1;
                let number = slot.generation;
                self.leases.push(Lease { id: leased.id, model, number });
            }
            (Err(none), None) => {
                assert_eq!(next, Err(none));
                self.is_why(none, wanted);
            }
            (leased, best) => panic!("{leased:?}, where the list has {best:?}"),
        }
    }

    /// Whether a reason is the most hopeful that there is.
    fn is_why(&self, none: NoKey, wanted: Wanted<'_>) {
        let live = self.list.iter().filter(|slot| slot.is_in(wanted.scope) && !slot.retired);
        let live: Vec<&Slot> = live.collect();
        let with_any_load = Wanted { most: u32::MAX, ..wanted };
        let fit = || live.iter().filter(|slot| slot.will_do(with_any_load, self.now));
        let has_no_room = |slot: &&&Slot| {
            is_ready(slot, with_any_load, self.now) && slot.in_flight >= wanted.most
        };
        let rests = fit().filter_map(|slot| slot.health.rests_until());
        let first = rests.filter(|until| *until > self.now).min();
        // A rest whose end was named is over then; a refusal is not, before it was tested.
        let has_rested = |until: Timestamp| until <= self.now;
        let cools =
            fit().any(|slot| matches!(slot.health, Health::Cooling(until) if !has_rested(until)));
        let is_out = |slot: &&Slot| match slot.health {
            Health::ExhaustedUntil(until) => !has_rested(until),
            Health::Exhausted(_) => true,
            _ => false,
        };
        let is_denied = |slot: &&Slot| slot.denied.get(wanted.model).is_some();
        match none {
            NoKey::Busy(until) => assert!(fit().any(|slot| has_no_room(&slot)) && first == until),
            _ if fit().any(|slot| has_no_room(&slot)) => panic!("{none:?}, where {live:?}"),
            NoKey::CoolingUntil(until) => assert!(cools && first == Some(until), "{live:?}"),
            _ if cools && first.is_some() => panic!("{none:?}, where {live:?}"),
            NoKey::Exhausted(_) => assert!(live.iter().any(is_out)),
            NoKey::Denied => assert!(live.iter().any(is_denied) && !live.iter().any(is_out)),
            NoKey::Dead => assert!(!live.is_empty() && !live.iter().any(is_out)),
            NoKey::Empty => assert!(live.is_empty()),
        }
    }

    fn release(&mut self, lease: &Lease, fate: KeyFate) {
        let now = self.now;
        let ends = |slot: &mut Slot| {
            slot.in_flight = slot.in_flight.saturating_sub(1);
            slot.learn(fate, lease.model, now, &second);
        };
        self.learns(lease, ends, |pool| pool.release(lease.id, fate, lease.model, now, &second));
    }

    /// Both learn the same.
    fn learns(
        &mut self,
        lease: &Lease,
        in_list: impl FnOnce(&mut Slot),
        in_pool: impl FnOnce(&mut KeyPool),
    ) {
        let slot = self.list.iter_mut().find(|slot| slot.generation == lease.number);
        slot.map(in_list);
        in_pool(&mut self.pool);
    }

    fn looks_the_same(&self) {
        for scope in (0..SCOPES).map(Scope) {
            let of_pool = self.pool.statuses(scope, self.now);
            let of_list = self.list.iter().filter(|slot| slot.is_in(scope));
            let mut of_list: Vec<_> = of_list.map(|slot| slot.status(self.now)).collect();
            assert_eq!(of_pool.len(), of_list.len());
            for (listed, status) in of_list.iter_mut().zip(&of_pool) {
                listed.label.clone_from(&status.label); // is given by the pool
            }
            assert_eq!(of_pool, of_list);
        }
    }
}

/// How much a key has to do, then how long ago it was given something to do.
fn load(slot: &Slot) -> (u32, u64) {
    (slot.in_flight, slot.last_used)
}

/// Whether a key may be used now, by its own state alone.
fn is_ready(slot: &Slot, wanted: Wanted<'_>, now: Timestamp) -> bool {
    let has_rested = slot.health.rests_until().is_none_or(|until| until <= now);
    let may_be_tested = !slot.health.on_probation() || slot.in_flight == 0;
    !slot.retired && has_rested && may_be_tested && slot.will_do(wanted, now)
}

proptest! {
    #![proptest_config(a_thousand())]

    #[test]
    fn agrees_with_a_list_that_is_searched(ops in proptest::collection::vec(op(), 1..80)) {
        let mut both = Both::new();
        ops.into_iter().for_each(|op| both.does(op));
    }
}
