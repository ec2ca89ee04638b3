//! What a process uses.

use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

use crate::Result;

/// The processor time that this process has used so far, in all its threads, in its own code and in the
/// kernel for it.
///
/// # Errors
/// The system does not tell.
pub fn cpu() -> Result<Duration> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Ok(Duration::from_micros(microseconds.try_into()?))
}

/// The resident set of this process in bytes.
///
/// # Errors
/// The system does not tell: it is no Linux.
pub fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: u64 =
        line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?.parse()?;
    Ok(kibibytes * 1024)
}

/// Allows as many sockets as the system does.
///
/// # Errors
/// The limit cannot be read or set.
pub fn allow_sockets() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}
