//! The library beside its peers: the same work, in turn, against one server.
//!
//! `lockkeeper-bench [NAMES] [--json FILE] [--plots FOLDER] [--rounds N] [--smoke]` does the works and growths of
//! these names, or all, and prints what they have shown.

#![allow(clippy::disallowed_methods, reason = "a bench tells how long things took")]

mod arguments;
mod bench;
mod clients;
mod contest;
mod growth;
mod report;
mod server;
mod usage;
mod works;

use std::error::Error;

use arguments::Wish;
use bench::Bench;
use growth::GROWTHS;
use report::Report;
use works::{IDLE_ROLE, WORKS};

/// Whatever goes wrong ends the bench, with words.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((role, _)) if role == server::ROLE => in_tokio(server::serve()),
        Some((role, rest)) if role == IDLE_ROLE => in_tokio(works::hold(rest)),
        _ => compare(&arguments::read(&arguments)?),
    }
}

fn in_tokio(role: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(role)
}

fn compare(wish: &Wish) -> Result<()> {
    let mut known =
        WORKS.iter().map(|work| work.name).chain(GROWTHS.iter().map(|growth| growth.name));
    if let Some(stray) = wish.names.iter().find(|name| !known.clone().any(|known| known == *name)) {
        let known = known.by_ref().collect::<Vec<_>>().join(", ");
        return Err(format!("unknown: {stray}; there are {known}").into());
    }
    usage::allow_sockets()?;
    let bench = Bench::new(wish.effort)?;
    let mut report = Report::default();
    for work in WORKS.iter().filter(|work| wish.includes(work.name)) {
        report.add_outcomes((work.run)(&bench)?);
    }
    for growth in GROWTHS.iter().filter(|growth| wish.includes(growth.name)) {
        report.add_curves((growth.run)(&bench)?);
    }
    report.write(wish.json.as_deref(), wish.plots.as_deref())
}
