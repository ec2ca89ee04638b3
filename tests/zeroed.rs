//! A key leaves no trace in memory once nobody uses it: all that this process can write to is
//! searched for it, freed memory too.
#![cfg(target_os = "linux")] // which shows a process its own memory as a file
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use futures::executor::block_on;
use lockkeeper::{
    ApiKey, ApiKeyPool, ChatOptions, ConfigLoader, ErrorKind, LlmInterface, Message, ModelSettings,
    OpenAiCompatible,
};
use zeroize::{Zeroize, Zeroizing};

const LENGTH: usize = 64;

/// An allocator writes notes of its own over the beginning of what is freed.
const SEARCHED: std::ops::Range<usize> = 32..LENGTH;

/// One letter of the key with this number, so that the search needs no copy of the key.
fn letter(number: u64, place: usize) -> u8 {
    let mix = |value: u64| (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    b'a' + (mix(mix(mix(number << 8 | place as u64))) % 26) as u8
}

fn key(number: u64) -> String {
    between("", number, "")
}

/// The key with something around it, in a text that did not have to grow.
fn between(before: &str, number: u64, after: &str) -> String {
    let mut text = String::with_capacity(before.len() + LENGTH + after.len());
    text.push_str(before);
    text.extend((0..LENGTH).map(|place| char::from(letter(number, place))));
    text.push_str(after);
    text
}

/// How often the key with this number stands in memory. One search at a time, and none looks at what
/// it has read.
fn copies(number: u64) -> usize {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
    let mut found = 0;
    for (mut from, to) in writable_memory() {
        while from < to {
            if own.contains(&from) {
                from = own.end;
                continue;
            }
            let end = if from < own.start { to.min(own.start) } else { to };
            let length = buffer.len().min((end - from) as usize);
            // What another thread has unmapped meanwhile is not there to be read.
            let Ok(read) = memory.read_at(&mut buffer[..length], from) else { break };
            found += occurrences(number, &buffer[..read]);
            let is_whole = read < length || from + read as u64 == end;
            // The last bytes may be the beginning of one that goes on in the next piece.
            from = if is_whole { end } else { from + (read - SEARCHED.len()) as u64 + 1 };
        }
    }
    buffer.zeroize();
    found
}

fn writable_memory() -> Vec<(u64, u64)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        rest.starts_with("rw").then(|| (address(from), address(to)))
    };
    maps.lines().filter_map(range).collect()
}

fn occurrences(number: u64, text: &[u8]) -> usize {
    let is_key = |at: &usize| {
        let text = text.get(*at..at + SEARCHED.len()).unwrap_or_default();
        text.iter().copied().eq(SEARCHED.map(|place| letter(number, place)))
    };
    memchr::memchr_iter(letter(number, SEARCHED.start), text).filter(is_key).count()
}

#[test]
fn the_search_finds_what_is_held_and_what_was_dropped_without_care() {
    let held: Vec<String> = (0..16).map(|_| key(1)).collect();
    assert!(copies(1) >= 16);
    drop(held);
    assert!(copies(1) > 0, "freed, but still there");
    assert_eq!(copies(2), 0, "no key at all");
}

#[test]
fn a_key_is_gone_with_its_last_clone() {
    let made: Vec<ApiKey> = (0..16).map(|_| ApiKey::from(key(3))).collect();
    let clones = made.clone();
    drop(made);
    assert_eq!(copies(3), 16);
    drop(clones);
    assert_eq!(copies(3), 0);
}

#[test]
fn a_removed_key_leaves_its_pool_when_its_last_request_ends() {
    let key = |number| Zeroizing::new(key(number));
    let pool = ApiKeyPool::new("zeroed", "https://zeroed.test/v1", [&**key(4)]).unwrap();
    let lease = pool.lease().unwrap();
    pool.add_key(&key(5)).unwrap();
    assert!(pool.remove_key(&key(4)) && pool.increment_task_count(&key(5)));
    assert_eq!((copies(4), copies(5)), (1, 1));
    drop(lease);
    assert_eq!((copies(4), copies(5)), (0, 1));
    drop(pool);
    assert_eq!(copies(5), 0);
}

#[test]
fn nothing_is_left_of_a_file_and_its_variables() {
    let path = std::env::temp_dir().join(format!("lockkeeper-zeroed-{}.json", std::process::id()));
    let end = r#"", "$KEY", "$KEY"], "base_url": "https://zeroed.test"}}}"#;
    let text = Zeroizing::new(between(r#"{"zeroed": {"m": {"api_keys": [""#, 6, end));
    fs::write(&path, &*text).unwrap();
    drop(text);
    let loader = ConfigLoader::new().env(|_| Some(between(" ", 7, "\n")));
    let providers = loader.load_file(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(providers["zeroed"]["m"].key_pool().statuses().len(), 2);
    assert_eq!((copies(6), copies(7)), (1, 1), "one of each while they are used");
    drop(providers);
    assert_eq!((copies(6), copies(7)), (0, 0));
}

#[test]
fn nothing_is_left_of_a_client_and_its_headers() {
    // Nobody listens there: what is sent is copied by the sockets and by TLS, which are not ours.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = ModelSettings::new("zeroed", "m", [key(8)]);
    settings.base_url = format!("http://{nobody}");
    (settings.rate_limit_capacity, settings.max_retries) = (100.0, 1);
    settings.retry_delay = std::time::Duration::from_millis(1);
    let llm = OpenAiCompatible::new(settings).unwrap();
    assert_eq!(copies(8), 1);
    for _ in 0..8 {
        let call = llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
        assert_eq!(block_on(call).unwrap_err().kind(), ErrorKind::Connection);
    }
    assert_eq!(copies(8), 1, "each request had its header");
    drop(llm);
    assert_eq!(copies(8), 0);
}
