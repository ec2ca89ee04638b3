//! The kinds of work.

mod bucket;
mod heaps;
mod idle;
mod pool;
mod requests;
mod simulation;
mod stream;

pub use heaps::{PlainHeap, Scan};
pub use idle::{ROLE as IDLE_ROLE, bytes_each, hold};
pub use pool::{keys, leased, leased_by, lockkeeper_pool};

use crate::Result;
use crate::bench::Bench;
use crate::contest::Outcome;

/// A kind of work.
pub struct Work {
    /// What the command line calls it.
    pub name: &'static str,
    /// Lets all contenders do it.
    pub run: fn(&Bench) -> Result<Vec<Outcome>>,
}

/// All kinds.
pub const WORKS: [Work; 6] = [
    Work { name: "stream", run: stream::run },
    Work { name: "requests", run: requests::run },
    Work { name: "bucket", run: bucket::run },
    Work { name: "pool", run: pool::run },
    Work { name: "idle", run: idle::run },
    Work { name: "simulation", run: simulation::run },
];
