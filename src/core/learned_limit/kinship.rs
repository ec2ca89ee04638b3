//! Whether two keys share one quota, by what their answers tell is left of it.
//!
//! Equal limits prove nothing. But what one quota has left is told to one request alone, of whichever
//! key: the series of one key goes on where that of the other leaves off, and nothing is ever told twice.
//! Keys that have a quota each go on from their own answers, and are told the same things.

use super::{Heard, LearnedLimit, Stage};
use crate::core::limit_headers::Quota;

/// So many answers of a key are kept.
const KEPT: usize = 24;

/// So many of them that go on from another key's, and none that was told twice, show one quota…
const JOINS_AFTER: usize = 4;

/// …where hardly any goes on from nobody's…
const LINKS_FOR_A_STRAY: usize = 3;

/// …and so many that were told twice show two.
const PARTS_AFTER: usize = 3;

/// What an answer has told: so many are left until all are back at that moment, in seconds.
#[derive(Clone, Copy, Debug)]
struct Told {
    limit: u64,
    left: u64,
    full_at: f64,
    reset: f64,
    is_granted: bool,
}

/// With so many keys more it is looked for half as often, since it is looked for among all.
const KEYS_AT_EACH_ANSWER: usize = 16;

/// The last answers of a key.
#[derive(Debug, Default)]
pub struct Kinship {
    told: Vec<Told>,
    /// How many there have been.
    count: usize,
}

/// How moments are told apart.
#[derive(Clone, Copy, Debug)]
pub struct Grain {
    /// The seconds by which a request puts off the moment when a bucket is full; a window's end stays.
    each: Option<f64>,
    /// By less, two are the same: the network is not always as quick.
    near: f64,
}

impl Told {
    fn is_same(&self, other: &Self, grain: Grain) -> bool {
        self.ends_with(other, grain)
            && self.left == other.left
            && self.is_granted == other.is_granted
    }

    /// Whether one quota can't have granted both: a place in a window is given once, and each request puts
    /// off the moment when a bucket is full.
    fn excludes(&self, other: &Self, grain: Grain) -> bool {
        let is_too_near = |each| (self.full_at - other.full_at).abs() < 0.5 * each;
        let is_same = || self.is_same(other, grain);
        let are_granted = self.is_granted && other.is_granted && self.limit == other.limit;
        are_granted && grain.each.map_or_else(is_same, is_too_near)
    }

    /// Whether all are back at the same moment.
    fn ends_with(&self, other: &Self, grain: Grain) -> bool {
        self.limit == other.limit && (self.full_at - other.full_at).abs() < grain.near
    }

    /// Whether the other was the last that was granted before it, in the same window or bucket.
    fn goes_on_from(&self, other: &Self, grain: Grain) -> bool {
        if !other.is_granted || self.limit != other.limit {
            return false;
        }
        let left = self.left + u64::from(self.is_granted);
        let in_bucket = |each: f64| {
            let filled = self.full_at - if self.is_granted { each } else { 0.0 };
            (filled - other.full_at).abs() < grain.near && other.left <= left
        };
        let in_window = self.ends_with(other, grain) && other.left == left;
        in_window || grain.each.is_some_and(in_bucket)
    }

    fn goes_on_from_any(&self, of: &Kinship, grain: Grain) -> bool {
        !self.may_be_first(grain) && of.told.iter().any(|told| self.goes_on_from(told, grain))
    }

    /// Whether nobody need have gone before it: all were there.
    fn may_be_first(&self, grain: Grain) -> bool {
        let was_full = |each: f64| self.reset < each + grain.near;
        self.is_granted && (self.left + 1 >= self.limit || grain.each.is_some_and(was_full))
    }
}

impl Kinship {
    /// Keeps what an answer tells.
    pub fn keep(&mut self, heard: Heard, is_granted: bool) {
        let Some(quota) = heard.quota else { return };
        let Quota { limit, remaining: left, reset } = quota;
        let told = Told { limit, left, full_at: heard.sent.at + reset, reset, is_granted };
        // Of the refusals of a burst, one tells all.
        self.told.pop_if(|last| !last.is_granted && !is_granted);
        if self.told.len() == KEPT {
            self.told.remove(0);
        }
        self.told.push(told);
        self.count += 1;
    }

    /// Whether the last answer is one at which to look for kin among so many keys.
    pub fn is_due(&self, keys: usize) -> bool {
        self.count.is_multiple_of(1 + keys / KEYS_AT_EACH_ANSWER)
    }

    /// Adds the answers of another key.
    pub fn add(&mut self, other: &Self) {
        self.told.extend_from_slice(&other.told);
    }

    /// Whether its last answer goes on from one of these.
    pub fn goes_on_from(&self, other: &Self, grain: Grain) -> bool {
        self.told.last().is_some_and(|last| last.goes_on_from_any(other, grain))
    }

    /// Whether it is sure, by the answers of all keys, that the two share one quota.
    pub fn is_one_with<'a>(
        &self,
        other: &Self,
        all: impl Iterator<Item = &'a Self> + Clone,
        grain: Grain,
    ) -> bool {
        let links = [self.links(other, grain), other.links(self, grain)];
        let are_enough = links[0] + links[1] >= JOINS_AFTER && links.iter().all(|links| *links > 0);
        let excludes = |told: &Told| other.told.iter().any(|it| it.excludes(told, grain));
        are_enough && !self.told.iter().any(excludes) && {
            let strays = self.strays(all.clone(), grain) + other.strays(all, grain);
            strays * LINKS_FOR_A_STRAY <= links[0] + links[1]
        }
    }

    /// How many answers go on from nobody's: strangers use the quota, too, and what seems to go on may do
    /// so by chance.
    fn strays<'a>(&self, all: impl Iterator<Item = &'a Self> + Clone, grain: Grain) -> usize {
        let is_stray = |told: &&Told| {
            !told.may_be_first(grain) && !all.clone().any(|of| told.goes_on_from_any(of, grain))
        };
        self.told.iter().filter(is_stray).count()
    }

    /// Whether it is sure that they do not.
    pub fn is_apart_from(&self, other: &Self, grain: Grain) -> bool {
        self.told_twice(other, grain) >= PARTS_AFTER
    }

    fn told_twice(&self, other: &Self, grain: Grain) -> usize {
        let is_twice =
            |told: &&Told| told.is_granted && other.told.iter().any(|it| it.is_same(told, grain));
        self.told.iter().filter(is_twice).count()
    }

    /// How many answers go on from the other's, and from none of its own.
    fn links(&self, other: &Self, grain: Grain) -> usize {
        let is_link = |told: &&Told| {
            told.goes_on_from_any(other, grain) && !told.goes_on_from_any(self, grain)
        };
        self.told.iter().filter(is_link).count()
    }
}

impl LearnedLimit {
    /// How moments are told apart where the provider tells of its limit, exactly enough.
    pub fn grain(&self) -> Option<Grain> {
        let Stage::Told(limit) = &self.stage else { return None };
        // Where there is but one place, all answers are alike.
        (limit.limit.requests > 1).then_some(())?;
        let each = limit.each();
        let near = each.map_or(0.05 * limit.limit.per, |each| 0.3 * each);
        let is_rounded = self.kinship.told.last()?.reset.fract() == 0.0;
        (!is_rounded || near > 1.0).then_some(Grain { each, near })
    }
}
