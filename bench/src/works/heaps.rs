//! Pools of keys as one would write them by hand: they know how busy each key is, and nothing of its health.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A pool that hands out the least busy key.
pub trait Pool: Sync {
    /// Picks a key and counts a request on it.
    fn lease(&self) -> (usize, Arc<str>);

    /// Ends such a request.
    fn release(&self, key: usize);
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A binary heap that knows where in it each key is.
pub struct PlainHeap(Mutex<Indexed>);

struct Indexed {
    keys: Vec<Arc<str>>,
    busy: Vec<u32>,
    heap: Vec<usize>,
    places: Vec<usize>,
}

impl PlainHeap {
    /// A pool of these keys.
    pub fn new(keys: &[String]) -> Self {
        let order: Vec<usize> = (0..keys.len()).collect();
        let (busy, places) = (vec![0; keys.len()], order.clone());
        let keys = keys.iter().map(|key| key.as_str().into()).collect();
        Self(Mutex::new(Indexed { keys, busy, heap: order, places }))
    }
}

impl Pool for PlainHeap {
    fn lease(&self) -> (usize, Arc<str>) {
        let mut pool = hold(&self.0);
        let key = pool.heap[0];
        pool.busy[key] += 1;
        pool.sink(0);
        (key, pool.keys[key].clone())
    }

    fn release(&self, key: usize) {
        let mut pool = hold(&self.0);
        pool.busy[key] -= 1;
        let place = pool.places[key];
        pool.rise(place);
    }
}

impl Indexed {
    fn is_less(&self, a: usize, b: usize) -> bool {
        self.busy[self.heap[a]] < self.busy[self.heap[b]]
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a]] = a;
        self.places[self.heap[b]] = b;
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = 2 * place + 1..(2 * place + 3).min(self.heap.len());
            let least = children.reduce(|a, b| if self.is_less(b, a) { b } else { a });
            match least {
                Some(least) if self.is_less(least, place) => self.swap(least, place),
                _ => return,
            }
            place = least.unwrap_or(place);
        }
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.is_less(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }
}

/// A standard heap, with an entry for each change; those out of date are passed over.
pub struct LazyHeap(Mutex<Lazy>);

struct Lazy {
    keys: Vec<Arc<str>>,
    busy: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, usize)>>,
}

impl LazyHeap {
    /// A pool of these keys.
    pub fn new(keys: &[String]) -> Self {
        let heap = (0..keys.len()).map(|key| Reverse((0, key))).collect();
        let busy = vec![0; keys.len()];
        Self(Mutex::new(Lazy {
            keys: keys.iter().map(|key| key.as_str().into()).collect(),
            busy,
            heap,
        }))
    }
}

impl Pool for LazyHeap {
    fn lease(&self) -> (usize, Arc<str>) {
        let mut pool = hold(&self.0);
        let key = loop {
            match pool.heap.pop() {
                Some(Reverse((busy, key))) if pool.busy[key] == busy => break key,
                Some(_) => {}
                None => unreachable!("each key has an entry that is up to date"),
            }
        };
        pool.busy[key] += 1;
        let entry = Reverse((pool.busy[key], key));
        pool.heap.push(entry);
        (key, pool.keys[key].clone())
    }

    fn release(&self, key: usize) {
        let mut pool = hold(&self.0);
        pool.busy[key] -= 1;
        let entry = Reverse((pool.busy[key], key));
        pool.heap.push(entry);
        // Else those out of date would pile up under the ones in use.
        if pool.heap.len() > 4 * pool.keys.len() {
            let Lazy { heap, busy, .. } = &mut *pool;
            heap.retain(|Reverse((entry, key))| busy[*key] == *entry);
        }
    }
}

/// No heap at all: a look at every key.
pub struct Scan(Mutex<(Vec<Arc<str>>, Vec<u32>)>);

impl Scan {
    /// A pool of these keys.
    pub fn new(keys: &[String]) -> Self {
        let busy = vec![0; keys.len()];
        Self(Mutex::new((keys.iter().map(|key| key.as_str().into()).collect(), busy)))
    }
}

impl Pool for Scan {
    fn lease(&self) -> (usize, Arc<str>) {
        let mut pool = hold(&self.0);
        let (keys, busy) = &mut *pool;
        let key = (0..busy.len()).min_by_key(|&key| busy[key]).unwrap_or_default();
        busy[key] += 1;
        (key, keys[key].clone())
    }

    fn release(&self, key: usize) {
        hold(&self.0).1[key] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pools_hand_out_the_least_busy_key() {
        let keys: Vec<String> = (0..7).map(|number| format!("key-{number}")).collect();
        let pools: [Box<dyn Pool>; 3] = [
            Box::new(PlainHeap::new(&keys)),
            Box::new(LazyHeap::new(&keys)),
            Box::new(Scan::new(&keys)),
        ];
        for pool in pools {
            let leased = || (0..7).map(|_| pool.lease().0).collect::<Vec<_>>();
            let distinct = |mut leased: Vec<usize>| {
                leased.sort_unstable();
                leased == [0, 1, 2, 3, 4, 5, 6]
            };
            assert!(distinct(leased()) && distinct(leased()));
            for key in [4, 4, 2] {
                pool.release(key);
            }
            let mut next = [pool.lease().0, pool.lease().0, pool.lease().0];
            next.sort_unstable();
            assert_eq!(next, [2, 4, 4]);
        }
    }
}
