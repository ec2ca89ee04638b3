//! How often the client asks for memory: for a chunk, for a chat, for a key, for a bucket token. Each
//! count is compared with the one in `allocations.json`, to the hundredth, since nothing here is left to
//! chance. `UPDATE_ALLOCATIONS=1 cargo test --test allocations` records today's.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

#[path = "../benches/in_memory/mod.rs"]
mod in_memory;

use std::alloc::System;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use in_memory::{
    ANSWER, Frozen, KEYS, ask, bucket, chunk_by_chunk, client, pool, read_by_read, read_stream,
    unlike_chunks,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/allocations.json");

const CHUNK: &str = "a text chunk, in reads of 16 KiB";
const UNLIKE: &str = "a chunk unlike the one before";
const CHUNK_ALONE: &str = "a text chunk, in a read of its own";
const CHAT: &str = "a chat";
const LEASE: &str = "a lease and its end";
const TOKEN: &str = "a bucket token";

/// What no record may exceed.
const MOST: [(&str, f64); 3] = [(CHUNK, 6.0), (LEASE, 0.0), (TOKEN, 0.0)];

/// How often `work` asked for memory, or for more of it.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

/// How often one turn does, of many.
fn each(turn: impl Fn()) -> f64 {
    const TURNS: usize = 1_000;
    (0..KEYS).for_each(|_| turn()); // what only the first needs, of the client and of each key
    allocations(|| (0..TURNS).for_each(|_| turn())) as f64 / TURNS as f64
}

/// How often one chunk does: by the difference of two streams, without their beginning and end.
fn each_chunk(pieces: fn(usize) -> Vec<Bytes>) -> f64 {
    let of_stream = |chunks| {
        let llm = client(pieces(chunks), Some(Arc::new(Frozen)));
        assert_eq!(read_stream(&llm), chunks);
        allocations(|| assert_eq!(read_stream(&llm), chunks))
    };
    (of_stream(3_000) - of_stream(1_000)) as f64 / 2_000.0
}

fn counted() -> BTreeMap<&'static str, f64> {
    let llm = client(vec![ANSWER.into()], Some(Arc::new(Frozen)));
    (0..KEYS * 64).for_each(|_| assert!(ask(&llm) > 0)); // until no key begins slowly any more
    let keys = pool(KEYS, Arc::new(Frozen));
    let bucket = bucket(Arc::new(Frozen));
    let counts = [
        (CHUNK, each_chunk(read_by_read)),
        (UNLIKE, each_chunk(unlike_chunks)),
        (CHUNK_ALONE, each_chunk(chunk_by_chunk)),
        (CHAT, each(|| assert!(ask(&llm) > 0))),
        (LEASE, each(|| drop(keys.lease().unwrap()))),
        (TOKEN, each(|| bucket.try_acquire(1).unwrap())),
    ];
    counts.map(|(what, count)| (what, (count * 100.0).round() / 100.0)).into()
}

// One test: a second at the same time would be counted along.
#[test]
fn memory_is_asked_for_as_often_as_recorded() {
    let counted = counted();
    for (what, most) in MOST {
        assert!(counted[what] <= most, "{what}: {} allocations, at most {most}", counted[what]);
    }
    if std::env::var_os("UPDATE_ALLOCATIONS").is_some() {
        let text = serde_json::to_string_pretty(&counted).unwrap();
        std::fs::write(RECORDED, text + "\n").unwrap();
    }
    let recorded = std::fs::read_to_string(RECORDED).unwrap();
    let recorded: BTreeMap<&str, f64> = serde_json::from_str(&recorded).unwrap();
    let remedy = "if that is as it should be: UPDATE_ALLOCATIONS=1 cargo test --test allocations";
    assert_eq!(counted, recorded, "counted, and recorded; {remedy}");
}
