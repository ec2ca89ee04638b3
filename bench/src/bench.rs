//! What all kinds of work need: the server, an executor, and how much to do.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::server::Server;
use crate::{Result, usage};

/// How much is done.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Rounds that count.
    pub rounds: usize,
    /// By what the usual amount of work is divided.
    pub divisor: usize,
}

/// Where the benches happen.
pub struct Bench {
    /// How much is done.
    pub effort: Effort,
    /// What clients talk to.
    pub server: Server,
    runtime: Runtime,
}

/// What some work has cost.
pub struct Cost {
    /// Of all threads.
    pub cpu: Duration,
    /// By the clock.
    pub wall: Duration,
}

impl Bench {
    /// Starts the server.
    ///
    /// # Errors
    /// It does not start.
    pub fn new(effort: Effort) -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build()?;
        Ok(Self { effort, server: Server::start()?, runtime })
    }

    /// The usual amount of work, or the part of it that there is time for.
    pub fn amount(&self, usual: usize) -> usize {
        (usual / self.effort.divisor).max(1)
    }

    /// Runs work as an application does: as a task on the executor's own threads.
    ///
    /// # Errors
    /// The work's.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.runtime.block_on(async { tokio::spawn(work).await? })
    }
}

/// The cost of some work.
///
/// # Errors
/// The work's.
pub fn cost(work: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let (cpu, wall) = (usage::cpu()?, Instant::now());
    work()?;
    Ok(Cost { cpu: usage::cpu()? - cpu, wall: wall.elapsed() })
}

/// The processor time of some work for each of so many parts, in nanoseconds.
///
/// # Errors
/// The work's.
pub fn nanoseconds_each(parts: usize, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    Ok(cost(work)?.cpu.as_secs_f64() * 1e9 / parts as f64)
}
