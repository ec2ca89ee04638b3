//! An indexed min-heap: the members are small numbers, each has a rank, and both the least and any
//! given member can be found, re-ranked or removed in O(log n).

/// What orders the members: the first number, and among equals the second.
pub type Rank = (u64, u64);

/// Members ordered by rank.
#[derive(Debug, Default)]
pub struct RankedHeap {
    heap: Vec<(Rank, usize)>,
    /// Where each member stands in `heap`.
    position: Vec<Option<usize>>,
}

impl RankedHeap {
    /// The least rank, and the member that has it.
    pub fn least(&self) -> Option<(Rank, usize)> {
        self.heap.first().copied()
    }

    /// Puts `member` in, or gives it a new rank.
    pub fn set(&mut self, member: usize, rank: Rank) {
        if self.position.len() <= member {
            self.position.resize(member + 1, None);
        }
        let at = self.position[member].unwrap_or_else(|| {
            self.heap.push((rank, member));
            self.heap.len() - 1
        });
        self.heap[at].0 = rank;
        self.settle(at);
    }

    /// Takes `member` out, if it is in.
    pub fn remove(&mut self, member: usize) {
        let Some(at) = self.position.get_mut(member).and_then(Option::take) else { return };
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            self.settle(at);
        }
    }

    /// Moves the entry at `at` to where its rank belongs.
    fn settle(&mut self, mut at: usize) {
        while at > 0 && self.heap[at] < self.heap[(at - 1) / 2] {
            self.heap.swap(at, (at - 1) / 2);
            self.position[self.heap[at].1] = Some(at);
            at = (at - 1) / 2;
        }
        while let Some(child) = self.least_child(at).filter(|&c| self.heap[c] < self.heap[at]) {
            self.heap.swap(at, child);
            self.position[self.heap[at].1] = Some(at);
            at = child;
        }
        self.position[self.heap[at].1] = Some(at);
    }

    fn least_child(&self, at: usize) -> Option<usize> {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        match (self.heap.get(left), self.heap.get(right)) {
            (Some(l), Some(r)) if r < l => Some(right),
            (Some(_), _) => Some(left),
            (None, _) => None,
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
                let rank = ((random.next() * 5.0) as u64, step);
                heap.set(member, rank);
                list.insert(member, rank);
            }
            let least = list.iter().map(|(member, rank)| (*rank, *member)).min();
            assert_eq!(heap.least(), least);
        }
    }
}
