//! The fault table: what a provider may do to a client, what the caller sees of it, and what the
//! provider sees of the client. `rows/` holds it as data; it is run here over real sockets and on a
//! virtual clock, and by `node.test.mjs` and `chromium.test.mjs` through the npm package.
//! `UPDATE_FAULTS=1 cargo test --test faults` writes `docs/faults.md` anew.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod ask;
mod check;
mod docs;
#[path = "../live/mod.rs"]
mod live;
mod native;
mod row;
#[path = "../scripted/mod.rs"]
mod scripted;
mod simulation;

#[test]
fn every_row_holds_over_real_sockets() {
    no(native::run());
}

#[test]
fn every_row_holds_in_simulation() {
    no(simulation::run());
}

#[test]
fn the_docs_are_current() {
    docs::check();
}

fn no(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
