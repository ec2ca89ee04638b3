//! Every input that the fuzzer has kept, and every seed, holds again.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Checks each file of a target's corpus.
fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let (mut held, mut broken) = (0, Vec::new());
    for entry in fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("its folder can be read").path();
        let input = fs::read(&path).expect("its files can be read");
        match catch_unwind(AssertUnwindSafe(|| property(&input))) {
            Ok(()) => held += 1,
            Err(_) => broken.push(path),
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(held > 10, "no corpus in {}", folder.display());
}

#[test]
fn event_streams() {
    replay("sse", super::sse);
}

#[test]
fn configurations() {
    replay("provider_json", super::provider_json);
}

#[test]
fn limit_headers() {
    replay("limits", super::limits);
}

#[test]
fn answers_and_chunks() {
    replay("chunks", super::chunks);
}

#[test]
fn errors_of_whole_calls() {
    replay("errors", super::errors);
}
