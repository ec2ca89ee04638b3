//! Thousands of open streams that say nothing: what each takes of the memory.

use std::process::Command;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use crate::bench::Bench;
use crate::clients::{Client, KINDS, kind};
use crate::contest::{Contender, Measure, Outcome, interleaved};
use crate::{Result, usage};

/// The argument that makes this program one that holds streams.
pub const ROLE: &str = "--hold";
const STREAMS: usize = 5_000;
/// How many are being opened at one time.
const OPENING: usize = 64;
const MEASURES: [Measure; 1] = [Measure {
    id: "idle",
    title: "memory of an open idle stream, 5,000 at once, native",
    unit: "KiB",
}];

/// Lets all contenders hold streams, each in a process of its own: what one has freed is not the next one's.
pub fn run(bench: &Bench) -> Result<Vec<Outcome>> {
    let streams = bench.amount(STREAMS);
    let contenders = KINDS.iter().filter(|kind| kind.opens).map(|kind| {
        Contender::new(kind.name, move || Ok(vec![bytes_each(bench, kind.name, streams)? / 1024.0]))
    });
    interleaved(&MEASURES, bench.effort.rounds, contenders.collect())
}

/// The bytes of each stream of a client that holds so many, in a process of its own.
pub fn bytes_each(bench: &Bench, name: &str, streams: usize) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    let holder =
        command.args([ROLE, name, &streams.to_string(), &bench.server.base_url]).output()?;
    if !holder.status.success() {
        return Err(String::from_utf8_lossy(&holder.stderr).into());
    }
    Ok(String::from_utf8(holder.stdout)?.trim().parse()?)
}

/// Is the process that holds streams: prints by how much they have made it larger, for each stream.
///
/// # Errors
/// A stream cannot be opened.
pub async fn hold(arguments: &[String]) -> Result<()> {
    let [name, streams, base_url] = arguments else {
        return Err("a client, a number, a URL".into());
    };
    usage::allow_sockets()?;
    let streams: usize = streams.parse()?;
    let client = kind(name)?.client(base_url, "idle")?;
    // What the first one needs is there once for all.
    let first = tokio::spawn(open(client.clone())).await??;
    let before = usage::resident()?;
    let opening = stream::iter(0..streams).map(|_| tokio::spawn(open(client.clone())));
    let held: Vec<_> =
        opening.buffer_unordered(OPENING).map(|opened| opened?).try_collect().await?;
    let grown = usage::resident()?.saturating_sub(before);
    println!("{}", grown as f64 / streams as f64);
    drop((first, held));
    // Closing them one by one would only take time.
    std::process::exit(0)
}

async fn open(client: Arc<dyn Client>) -> Result<Box<dyn std::any::Any + Send>> {
    client.open().await
}
