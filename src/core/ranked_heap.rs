//! An indexed min-heap: the members are small numbers, each has a rank, and both the least and any
//! given member can be found, re-ranked or removed in O(log n).

/// What orders the members.
pub type Rank = u64;

/// The position of who is not in.
const OUT: usize = usize::MAX;

/// A rank and its member in one number, which is compared at once: of equals the smaller member is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    fn new(rank: Rank, member: usize) -> Self {
        Self(u128::from(rank) << 64 | member as u128)
    }

    fn rank(self) -> Rank {
        (self.0 >> 64) as Rank
    }

    fn member(self) -> usize {
        self.0 as usize
    }
}

/// Members ordered by rank.
#[derive(Debug, Default)]
pub struct RankedHeap {
    heap: Vec<Entry>,
    /// Where each member stands in `heap`, or [`OUT`].
    position: Vec<usize>,
}

impl RankedHeap {
    /// The least rank, and the member that has it.
    pub fn least(&self) -> Option<(Rank, usize)> {
        self.heap.first().map(|entry| (entry.rank(), entry.member()))
    }

    /// Puts `member` in, or gives it a new rank.
    #[inline]
    pub fn set(&mut self, member: usize, rank: Rank) {
        if self.position.len() <= member {
            self.position.resize(member + 1, OUT);
        }
        let (mut at, entry) = (self.position[member], Entry::new(rank, member));
        if at == OUT {
            at = self.heap.len();
            self.heap.push(entry);
        }
        self.settle(at, entry);
    }

    /// Takes `member` out, if it is in.
    pub fn remove(&mut self, member: usize) {
        let Some(position) = self.position.get_mut(member) else { return };
        let at = std::mem::replace(position, OUT);
        let Some(last) = self.heap.pop_if(|_| at != OUT) else { return };
        if at < self.heap.len() {
            self.settle(at, last);
        }
    }

    /// Puts an entry in the place of the one at `at`, then where its rank belongs.
    fn settle(&mut self, mut at: usize, entry: Entry) {
        while at > 0 && entry < self.heap[(at - 1) / 2] {
            self.put(at, self.heap[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
        while let Some((child, least)) = self.least_child(at)
            && least < entry
        {
            self.put(at, least);
            at = child;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: Entry) {
        self.heap[at] = entry;
        self.position[entry.member()] = at;
    }

    fn least_child(&self, at: usize) -> Option<(usize, Entry)> {
        let left = 2 * at + 1;
        match *self.heap.get(left..)? {
            [first, second, ..] if second < first => Some((left + 1, second)),
            [first, ..] => Some((left, first)),
            [] => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::backoff::Jitter;

    /// Against the simplest thing that could be right: a list that is searched.
    #[test]
    fn agrees_with_a_list_that_is_searched() {
        let mut random = Jitter::new(11);
        let (mut heap, mut list) = (RankedHeap::default(), std::collections::BTreeMap::new());
        for step in 0..20_000u64 {
            let member = (random.next() * 50.0) as usize;
            if random.next() < 0.3 {
                heap.remove(member);
                list.remove(&member);
            } else {
                let rank = ((random.next() * 5.0) as u64) << 32 | step;
                heap.set(member, rank);
                list.insert(member, rank);
            }
            let least = list.iter().map(|(member, rank)| (*rank, *member)).min();
            assert_eq!(heap.least(), least);
        }
    }
}
