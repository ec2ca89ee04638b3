//! How many instructions the core takes, counted by callgrind: the same on a busy machine as on a quiet
//! one. `npm test` compares them with `baseline.json`, `npm run record` writes that.
#![allow(missing_docs, reason = "what the macros write has none")]

#[path = "../in_memory/mod.rs"]
mod in_memory;

use std::hint::black_box;
use std::sync::Arc;

use futures::FutureExt;
use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use in_memory::{
    ANSWER, Frozen, KEYS, ask, bucket, chunk_by_chunk, client, pool, read_by_read, read_stream,
    told_client, tool_call_pieces, unlike_chunks,
};
use lockkeeper::{ApiKeyPool, OpenAiCompatible, TokenBucket};

const CHUNKS: usize = 1_000;
const TURNS: usize = 1_000;

/// A client that has answered once: what only its first call needs is there.
fn warm(llm: OpenAiCompatible, use_it: fn(&OpenAiCompatible) -> usize) -> OpenAiCompatible {
    assert!(use_it(&llm) > 0);
    llm
}

fn streaming(pieces: Vec<bytes::Bytes>) -> OpenAiCompatible {
    warm(client(pieces, Some(Arc::new(Frozen))), read_stream)
}

fn answering() -> OpenAiCompatible {
    // Until no key begins slowly any more.
    warm(client(vec![ANSWER.into()], Some(Arc::new(Frozen))), |llm| {
        (0..KEYS * 64).map(|_| ask(llm)).sum()
    })
}

/// A client whose keys have answered so often that all is kept of them that is.
fn told(keys: usize) -> OpenAiCompatible {
    let llm = told_client(keys);
    (0..keys * 25).for_each(|_| assert!(ask(&llm) > 0));
    llm
}

fn frozen_bucket() -> TokenBucket {
    bucket(Arc::new(Frozen))
}

fn frozen_pool(keys: usize) -> ApiKeyPool {
    pool(keys, Arc::new(Frozen))
}

// 1,000 chunks of 250 bytes through the whole client.
#[library_benchmark]
#[bench::of_1000_chunks(streaming(read_by_read(CHUNKS)))]
#[bench::of_1000_unlike_chunks(streaming(unlike_chunks(CHUNKS)))]
#[bench::of_1000_tool_call_pieces(streaming(tool_call_pieces(CHUNKS)))]
#[bench::of_1000_reads(streaming(chunk_by_chunk(CHUNKS)))]
fn stream(llm: OpenAiCompatible) -> OpenAiCompatible {
    assert_eq!(read_stream(&llm), CHUNKS);
    llm
}

// 100 whole answers.
#[library_benchmark]
#[bench::of_100(answering())]
fn chats(llm: OpenAiCompatible) -> OpenAiCompatible {
    for _ in 0..100 {
        assert!(ask(&llm) > 0);
    }
    llm
}

// As many whole answers as there are keys, each of which tells of its key's limit.
#[library_benchmark]
#[bench::of_300_with_300_keys(told(300))]
fn told_chats(llm: OpenAiCompatible) -> OpenAiCompatible {
    for _ in 0..300 {
        assert!(ask(&llm) > 0);
    }
    llm
}

// 1,000 bucket tokens, which are there.
#[library_benchmark]
#[bench::of_1000(frozen_bucket())]
fn try_acquire(bucket: TokenBucket) -> TokenBucket {
    for _ in 0..TURNS {
        assert!(black_box(&bucket).try_acquire(1).is_ok());
    }
    bucket
}

// The same by the future that would wait for them.
#[library_benchmark]
#[bench::of_1000(frozen_bucket())]
fn acquire(bucket: TokenBucket) -> TokenBucket {
    for _ in 0..TURNS {
        assert!(matches!(black_box(&bucket).acquire(1, None).now_or_never(), Some(Ok(()))));
    }
    bucket
}

// 1,000 leases, each given back before the next.
#[library_benchmark]
#[bench::of_1000_with_16_keys(frozen_pool(16))]
#[bench::of_1000_with_1000_keys(frozen_pool(1_000))]
fn lease(pool: ApiKeyPool) -> ApiKeyPool {
    for _ in 0..TURNS {
        assert!(black_box(&pool).lease().is_ok());
    }
    pool
}

library_benchmark_group!(
    name = parts,
    benchmarks = [stream, chats, told_chats, try_acquire, acquire, lease]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = parts
);
