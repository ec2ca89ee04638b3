//! Keys that share an account at their provider, and with it its limit: two accounts of two keys each,
//! declared, or found out by what the answers tell is left.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod limited_provider;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limited_provider::{Counting, Speaks, counted_by};
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{ChatOptions, LlmInterface, Message, ModelSettings, OpenAiCompatible};

const CALLS: usize = 200;
const KEYS: [&str; 4] =
    ["sk-0123456789-a1", "sk-0123456789-a2", "sk-0123456789-b1", "sk-0123456789-b2"];

/// Which keys share an account is…
#[derive(Clone, Copy, Debug)]
enum Known {
    Declared,
    Hidden,
}

/// How keys are shared out among the accounts.
#[derive(Clone, Copy, Debug)]
enum Belongs {
    /// Two accounts have two keys each.
    InPairs,
    /// Each key is its own account; all have one limit.
    Alone,
    /// The same, and somebody else uses them, too, by the chance of this number.
    Contended(u32),
}

/// What came of a run.
#[derive(Debug)]
struct Run {
    /// The makespan, by the least that is possible.
    ratio: f64,
    refused: usize,
    sent: usize,
    /// The account of each key, as far as it has one with others.
    accounts: Vec<Option<String>>,
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn client(clock: &VirtualClock, transport: ScriptedTransport, known: Known) -> OpenAiCompatible {
    let [a1, a2, b1, b2] = KEYS;
    let new = |keys: &[&str]| ModelSettings::new("accounts", "m", keys.iter().copied());
    let mut settings = match known {
        Known::Declared => new(&[]).with_account([a1, a2]).with_account([b1, b2]),
        Known::Hidden => new(&[a1, b1, a2, b2]),
    };
    settings.base_url = "https://limited.test/v1".to_owned();
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1e6, 1e6);
    settings.max_retries = 50;
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport));
    builder.runtime(clock.runtime()).build().unwrap()
}

/// Whether each request was granted.
type Log = Arc<Mutex<Vec<bool>>>;

/// A provider that counts the requests of each account, and answers after about so long. The accounts
/// are not in step: somebody else has just used the second.
fn provider(
    clock: &VirtualClock,
    belongs: Belongs,
    counting: Counting,
    speaks: Speaks,
    delay: f64,
) -> (ScriptedTransport, Log) {
    let mut accounts: Vec<_> = KEYS.iter().map(|_| counted_by(counting)).collect();
    accounts[1].takes(0.0);
    let chance = if let Belongs::Contended(chance) = belongs { chance * 1_000 } else { 0 };
    let (state, log, elapsed) = (Mutex::new((accounts, chance)), Log::default(), clock.clone());
    let told = log.clone();
    let transport = ScriptedTransport::new(clock, move |request| {
        let key = request.header("authorization").unwrap().rsplit(' ').next().unwrap();
        let key = KEYS.iter().position(|known| *known == key).unwrap();
        let account = if let Belongs::InPairs = belongs { key / 2 } else { key };
        let (accounts, number) = &mut *state.lock().unwrap();
        let now = elapsed.elapsed().as_secs_f64() + 0.13;
        let verdict = accounts[account].takes(now);
        told.lock().unwrap().push(verdict.is_granted);
        *number += 1;
        let varies = number.wrapping_mul(2_654_435_761);
        if let (Belongs::Contended(_), 0..4) = (belongs, varies >> 24 & 7) {
            accounts[(varies >> 16) as usize % KEYS.len()].takes(now);
        }
        let varies = f64::from(varies) / f64::from(u32::MAX);
        let reply = match verdict.is_granted {
            true => Reply::answer("Hi!").after(seconds(delay * (0.9 + 0.2 * varies))),
            false => Reply::status(429).after(seconds(0.001)),
        };
        let headers = verdict.headers(speaks).into_iter();
        headers.fold(reply, |reply, (name, value)| reply.header(name, &value))
    });
    (transport, log)
}

/// Two hundred calls at once, of which none may be lost.
fn run((known, belongs): (Known, Belongs), counting: Counting, speaks: Speaks, delay: f64) -> Run {
    let clock = VirtualClock::new();
    let (transport, log) = provider(&clock, belongs, counting, speaks, delay);
    let llm = client(&clock, transport, known);
    let call = || llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
    let answers = clock.block_on(futures::future::join_all((0..CALLS).map(|_| call())));
    answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap().text(), "Hi!"));
    let accounts = if let Belongs::InPairs = belongs { 2 } else { 4 };
    let least = counting.least_time_for(CALLS / accounts) + delay;
    let log = log.lock().unwrap();
    let refused = log.iter().filter(|is_granted| !**is_granted).count();
    let ratio = clock.elapsed().as_secs_f64() / least;
    let accounts = llm.key_pool().statuses().into_iter().map(|key| key.account).collect();
    let run = Run { ratio, refused, sent: log.len(), accounts };
    println!("{known:?}, {belongs:?}, {speaks:?}, {counting:?}, {delay} s: {run:?}");
    run
}

/// All that come to five a second.
fn five_a_second() -> impl Iterator<Item = Counting> {
    Counting::EACH.into_iter().filter(|counting| !matches!(counting, Counting::Window(300, ..)))
}

/// Whether the keys are known to share accounts in this order.
fn have(run: &Run, accounts: [Option<&str>; 4]) -> bool {
    run.accounts.iter().map(Option::as_deref).eq(accounts)
}

#[test]
fn declared_accounts_keep_to_one_limit_each() {
    for speaks in [Speaks::All, Speaks::Headers, Speaks::RetryAfter, Speaks::Nothing] {
        for counting in five_a_second() {
            for delay in [0.02, 0.1, 0.5, 2.0] {
                let run = run((Known::Declared, Belongs::InPairs), counting, speaks, delay);
                let tells = matches!(speaks, Speaks::All | Speaks::Headers);
                let (most, one_in) = if tells { (1.10, 40) } else { (1.35, 8) };
                assert!(run.ratio <= most && run.refused * one_in <= run.sent);
                let [a, b] = [Some("…9-a1"), Some("…9-b1")];
                assert!(have(&run, [a, a, b, b]));
            }
        }
    }
}

#[test]
fn accounts_that_nobody_has_declared_are_found_out_by_what_is_told() {
    for counting in five_a_second() {
        for delay in [0.02, 0.1, 0.5] {
            let run = run((Known::Hidden, Belongs::InPairs), counting, Speaks::Headers, delay);
            let [a, b] = [Some("…9-a1"), Some("…9-b1")];
            // Of one at a time, all are first; where the last second is counted, each has a moment of its own.
            let slides = matches!(counting, Counting::Sliding(..));
            let may_be_unknown = slides || matches!(counting, Counting::Bucket(1.0, _));
            let (most, one_in) = if slides { (1.35, 3) } else { (1.10, 7) };
            assert!(run.ratio <= most && run.refused * one_in <= run.sent);
            assert!(have(&run, [a, b, a, b]) || may_be_unknown && have(&run, [None; 4]));
        }
    }
}

#[test]
fn keys_of_equal_limits_are_not_taken_for_one_account() {
    let contended = (0..4).map(Belongs::Contended);
    for belongs in contended.chain([Belongs::Alone]) {
        for counting in five_a_second() {
            for delay in [0.02, 0.1, 0.5] {
                let run = run((Known::Hidden, belongs), counting, Speaks::Headers, delay);
                assert!(have(&run, [None; 4]));
                // That one request has come from elsewhere does not stay a trouble.
                assert!(run.refused * 40 <= run.sent || matches!(belongs, Belongs::Contended(_)));
            }
        }
    }
}
