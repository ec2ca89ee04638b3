//! How long the parts take on this machine: `cargo bench`. What a change costs is better seen by
//! `npm test`, which counts instead; how others fare beside it, by `npm run bench`.
#![allow(clippy::unwrap_used)] // there is nothing to be measured then
#![allow(missing_docs, reason = "what the macros write has none")]

mod in_memory;

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use in_memory::{
    ANSWER, Frozen, ask, bucket, chunk_by_chunk, client, pool, read_by_read, read_stream,
    transport, unlike_chunks,
};
use lockkeeper::{ConfigLoader, TokenBucket, estimate_tokens, parse_provider_json};

const CHUNKS: usize = 1_000;

fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream of 1,000 chunks");
    group.throughput(Throughput::Elements(CHUNKS as u64));
    let forms = [
        ("16 KiB a read", read_by_read(CHUNKS)),
        ("16 KiB a read, of unlike chunks", unlike_chunks(CHUNKS)),
        ("a chunk a read", chunk_by_chunk(CHUNKS)),
    ];
    for (name, pieces) in forms {
        let llm = client(pieces, None);
        group.bench_function(name, |b| b.iter(|| assert_eq!(read_stream(&llm), CHUNKS)));
    }
    group.finish();
}

fn chat(c: &mut Criterion) {
    let llm = client(vec![ANSWER.into()], None);
    c.bench_function("chat", |b| b.iter(|| ask(&llm)));
}

/// The platform's clock is read for each token; what it costs shows beside one that stands still.
fn token_bucket(c: &mut Criterion) {
    let mut group = c.benchmark_group("try_acquire");
    let by_the_clock = TokenBucket::new(1e9, 1e9).unwrap();
    for (name, bucket) in [("clock read", by_the_clock), ("frozen clock", bucket(Arc::new(Frozen)))]
    {
        group.bench_function(name, |b| b.iter(|| black_box(&bucket).try_acquire(1).is_ok()));
    }
    group.finish();
}

fn key_pool(c: &mut Criterion) {
    let mut group = c.benchmark_group("lease and release");
    for keys in [16, 1_000] {
        let pool = pool(keys, Arc::new(Frozen));
        group.bench_function(format!("{keys} keys"), |b| b.iter(|| drop(black_box(&pool).lease())));
    }
    group.finish();
}

fn text(c: &mut Criterion) {
    let text = "The lock keeper opened the upper gate at six, 20 minutes late. ".repeat(160);
    let mut group = c.benchmark_group("estimate_tokens");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("10 KB", |b| b.iter(|| estimate_tokens(black_box(&text))));
    group.finish();
}

/// A configuration with so many models of one provider, each with a key of its own.
fn provider_json(models: usize) -> String {
    let mut text = r#"{"openai": {"#.to_owned();
    for n in 0..models {
        let comma = if n > 0 { "," } else { "" };
        let limits = r#""rate_limit_capacity": 20, "rate_limit_refill_rate": 5"#;
        write!(text, r#"{comma} "model-{n}": {{"api_keys": ["sk-bench-{n:04}"], {limits}}}"#)
            .unwrap();
    }
    text + "}}"
}

fn configuration(c: &mut Criterion) {
    let mut group = c.benchmark_group("provider.json of 100 models");
    let json = provider_json(100);
    group.bench_function("read", |b| {
        b.iter(|| parse_provider_json(black_box(&json), &|_| None).is_ok())
    });
    let loader = || {
        let loader = ConfigLoader::new().env(|_| None).runtime(Arc::new(Frozen));
        loader.transport(transport(Vec::new()))
    };
    group.bench_function("loaded as clients", |b| b.iter(|| loader().load_str(&json).is_ok()));
    group.finish();
}

criterion_group!(benches, stream, chat, token_bucket, key_pool, text, configuration);
criterion_main!(benches);
