//! How many requests of one client may be under way at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::key_pool::Shared;

/// So many requests of a client have room at once.
pub(crate) struct Room {
    most: u32,
    taken: AtomicU32,
}

impl Room {
    pub fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, taken: AtomicU32::new(0) })
    }

    /// Whether there is room for one more.
    pub fn has_some(&self) -> bool {
        self.taken.load(SeqCst) < self.most
    }

    /// Takes room for one more, if there is some; those who wait for keys of this pool are told when it
    /// is free again.
    pub fn take(self: &Arc<Self>, pool: &Arc<Shared>) -> Option<Seat> {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).ok()?;
        Some(Seat { room: self.clone(), pool: pool.clone() })
    }
}

/// Room that one request takes, until it is dropped.
pub(crate) struct Seat {
    room: Arc<Room>,
    pool: Arc<Shared>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(1, SeqCst);
        self.pool.freed();
    }
}
