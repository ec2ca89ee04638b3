//! The line of those who wait for a key, as callers share it: the plain line of [`core`](crate::core)
//! behind a lock, with places that are given up by being dropped.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use crate::core::key_pool::Scope;
use crate::core::line;
use crate::core::rank::Rank;
use crate::core::time::Timestamp;
use crate::key_pool::{ApiKeyPool, Shared};
use crate::lock::lock;
use crate::room::Room;

/// Those who can use the same keys, at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub scope: Scope,
    pub model: String,
    pub most_per_key: u32,
    /// The client, where it limits how many of its requests are under way.
    pub client: usize,
}

/// Those who wait for a key of one pool.
#[derive(Debug, Default)]
pub(crate) struct Line {
    line: Mutex<line::Line<Class, Waker>>,
    /// How many stand in it: nobody else pays for it while nobody does. Whoever joins is counted before
    /// it looks for a key, and whoever frees one looks afterwards whether somebody is counted.
    standing: AtomicUsize,
}

impl Line {
    /// Whether nobody stands in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many stand in it.
    pub fn len(&self) -> usize {
        self.standing.load(SeqCst)
    }

    /// Whether somebody of the class is before one of this rank that does not stand in it.
    pub fn is_ahead(&self, class: &Class, rank: Rank, now: Timestamp) -> bool {
        lock(&self.line).is_ahead(class, rank, now)
    }

    /// Wakes the first of each class: a key may be ready.
    pub fn wake_firsts(&self, now: Timestamp) {
        let firsts = lock(&self.line).firsts(now);
        firsts.into_iter().for_each(Waker::wake);
    }

    fn change<T>(&self, change: impl FnOnce(&mut line::Line<Class, Waker>) -> T) -> T {
        let mut line = lock(&self.line);
        let result = change(&mut line);
        self.standing.store(line.len(), SeqCst);
        result
    }
}

impl ApiKeyPool {
    /// Whether somebody waits for keys.
    pub(crate) fn has_line(&self) -> bool {
        !self.shared.line.is_empty()
    }

    /// Whether somebody waits for a key that comes before one of this rank that does not.
    pub(crate) fn is_behind_line(&self, model: &str, room: Option<&Arc<Room>>, rank: Rank) -> bool {
        self.has_line()
            && self.shared.line.is_ahead(&self.class(model, room), rank, self.shared.runtime.now())
    }

    /// A place in the line.
    pub(crate) fn stand_in_line(&self, model: &str, room: Option<&Arc<Room>>, rank: Rank) -> Place {
        Place::take(&self.shared, self.class(model, room), rank)
    }

    fn class(&self, model: &str, room: Option<&Arc<Room>>) -> Class {
        Class {
            scope: self.scope,
            model: model.to_owned(),
            most_per_key: self.most_per_key,
            client: room.map_or(0, |room| Arc::as_ptr(room) as usize),
        }
    }
}

/// A place in the line; dropping it gives it up.
pub(crate) struct Place {
    shared: Arc<Shared>,
    place: line::Place,
    /// Since when it waits.
    pub since: Timestamp,
}

impl Place {
    /// Joins the line of a pool.
    pub fn take(shared: &Arc<Shared>, class: Class, rank: Rank) -> Self {
        let (shared, since) = (shared.clone(), shared.runtime.now());
        let place = shared.line.change(|line| line.join(class, rank, Waker::noop().clone(), since));
        Self { shared, place, since }
    }

    /// Looks: whether it is the first, and when to look again at the latest. A waker is called when that
    /// may be sooner.
    pub fn look(&self, waker: &Waker, now: Timestamp) -> (bool, Timestamp) {
        lock(&self.shared.line.line).look(self.place, waker.clone(), now)
    }

    /// Whether nobody who still looks stands before it.
    pub fn is_first(&self, now: Timestamp) -> bool {
        lock(&self.shared.line.line).is_first(self.place, now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.shared.runtime.now();
        if let Some(next) = self.shared.line.change(|line| line.leave(self.place, now)) {
            next.wake();
        }
    }
}
