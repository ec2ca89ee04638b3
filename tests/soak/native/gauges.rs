//! What the process uses, and what the client holds.

use std::alloc::System;
use std::time::Duration;

use lockkeeper::OpenAiCompatible;
use serde::Serialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Ticks of the kernel's clock in a second, as every Linux counts a process's time.
const TICKS: f64 = 100.0;
/// Where a process's user and system time stand in its line, behind its name.
const TIMES: [usize; 2] = [11, 12];

/// A look at everything at one moment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gauges {
    /// Seconds since the start.
    at: f64,
    /// Bytes of memory, if the system tells.
    rss: Option<u64>,
    /// Bytes allocated and not freed.
    heap: usize,
    /// Seconds of all processors used so far, if the system tells.
    cpu: Option<f64>,
    /// Keys leased.
    in_flight: u32,
    /// Callers that wait at the bucket.
    waiters: usize,
}

impl Gauges {
    /// Looks.
    pub fn read(llm: &OpenAiCompatible, since_start: Duration) -> Self {
        let allocated = ALLOCATOR.stats();
        Self {
            at: since_start.as_secs_f64(),
            rss: rss(),
            heap: allocated.bytes_allocated.saturating_sub(allocated.bytes_deallocated),
            cpu: cpu(),
            in_flight: llm.key_pool().in_flight(),
            waiters: llm.token_bucket().waiters(),
        }
    }
}

fn rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn cpu() -> Option<f64> {
    let line = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may have spaces of its own.
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some(TIMES.map(ticks).into_iter().sum::<Option<f64>>()? / TICKS)
}
