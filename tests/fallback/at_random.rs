//! Many calls through a fallback, to targets that go wrong in every way and at every moment.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};
use lockkeeper::testing::{Executor, Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ChatOptions, Error, ErrorKind, Fallback, LlmInterface, OnInterrupt, OpenAiCompatible,
};

use crate::random::Random;
use crate::scripted::{question, settings};

/// How many scenarios are played, unless the environment says otherwise.
const SCENARIOS: u64 = 400;
const CALLS: usize = 30;

/// What the target of this name says when it answers whole, each time another.
fn whole(name: &str, random: &mut Random) -> Vec<String> {
    (0..random.whole(1, 4)).map(|part| format!("{name}{part} ")).chain(["END".to_owned()]).collect()
}

fn reply(name: &str, streams: bool, random: &mut Random) -> Reply {
    let texts = whole(name, random);
    let pieces = texts.len() + 1;
    let good = match streams {
        true => Reply::stream(texts.iter().map(String::as_str)).pace(random.seconds(0.0, 0.5)),
        false => Reply::answer(&texts.concat()),
    };
    let after = random.seconds(0.0, 2.0);
    match random.below(16) {
        0 => Reply::status(503).after(after),
        1 => Reply::status(429).header("retry-after", &random.whole(0, 20).to_string()),
        2 => Reply::reset().after(after),
        3 => Reply::silence(),
        4 | 5 => good.cut_after(random.below(pieces)),
        6 => good.end_after(random.below(pieces)),
        7 => good.stall_after(random.below(pieces)),
        8 => Reply::status(random.pick(&[401, 402, 403, 404, 500])),
        9 => Reply::status(200).body("<html>"),
        10 => Reply::error(400, "context_length_exceeded", "too long"),
        _ => good.after(after),
    }
}

struct Target {
    provider: ScriptedTransport,
    llm: OpenAiCompatible,
}

fn target(clock: &VirtualClock, name: &'static str, random: &mut Random) -> Target {
    let dice = Mutex::new(Random::new(random.next()));
    let provider = ScriptedTransport::new(clock, move |request| {
        let body = String::from_utf8_lossy(&request.body);
        reply(name, body.contains("\"stream\":true"), &mut dice.lock().unwrap())
    });
    let mut settings = settings(random.whole(1, 3));
    (settings.provider, settings.name) = (name.to_owned(), "m".to_owned());
    settings.base_url = format!("https://{name}.random.test/v1");
    settings.max_retries = random.below(3) as u32;
    settings.headers_timeout = random.seconds(0.5, 5.0);
    settings.first_token_timeout = random.seconds(0.5, 5.0);
    settings.idle_timeout = random.seconds(0.5, 5.0);
    settings.context_window = random.chance(0.5).then(|| random.whole(1, 3) as u64 * 1000);
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(provider.clone()));
    Target { provider, llm: builder.runtime(clock.runtime()).build().unwrap() }
}

/// How a call is made, and for how long its caller has patience.
struct Plan {
    streams: bool,
    options: ChatOptions,
    begins: Duration,
    patience: Option<Duration>,
}

impl Plan {
    fn new(random: &mut Random) -> Self {
        let mut options = ChatOptions::default();
        options.timeout = random.chance(0.6).then(|| random.seconds(0.5, 20.0));
        if random.chance(0.5) {
            options.on_interrupt = Some(OnInterrupt::Restart);
        }
        let patience = random.chance(0.2).then(|| random.seconds(0.0, 8.0));
        Self { streams: random.chance(0.7), options, begins: random.seconds(0.0, 40.0), patience }
    }
}

/// What a call came to: the text, and who gave it.
async fn ask(llm: Fallback, plan: &Plan) -> Result<(String, String), Error> {
    if !plan.streams {
        let answer = llm.chat(question(), plan.options.clone()).await?;
        return Ok((answer.text().into_owned(), answer.answered_by.unwrap().provider));
    }
    let mut stream = llm.chat_stream(question(), plan.options.clone());
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.inspect_err(|error| {
            let kept = error.partial().map(|partial| partial.text.clone()).unwrap_or_default();
            assert_eq!(kept, text, "an error holds what was shown: {error}");
        })?;
        if chunk.restart().is_some() {
            assert_eq!(plan.options.on_interrupt, Some(OnInterrupt::Restart));
            assert!(!text.is_empty(), "what nobody has seen needs no word");
            text.clear();
        }
        text.push_str(&chunk.text());
    }
    Ok((text, stream.answered_by().unwrap().provider))
}

/// An answer is one target's, whole, and nothing else.
fn check(outcome: &Result<(String, String), Error>, took: Duration, plan: &Plan) {
    match outcome {
        Ok((text, by)) => {
            let words: Vec<_> = text.split(' ').collect();
            let (last, said) = words.split_last().unwrap();
            let is_its = |(part, word): (usize, &&str)| *word == format!("{by}{part}");
            assert!(*last == "END" && said.iter().enumerate().all(is_its), "{by}: {text}");
        }
        Err(error) => {
            assert!(!error.attempts().is_empty(), "{error}");
            assert!(error.attempts().iter().all(|attempt| attempt.target.is_some()));
            assert_ne!(error.kind(), ErrorKind::Config);
        }
    }
    if let Some(timeout) = plan.options.timeout {
        assert!(took <= timeout + Duration::from_millis(51), "{took:?} > {timeout:?}");
    }
}

fn play(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let clock = VirtualClock::new();
    let names = ["a", "b", "c"];
    let targets: Vec<_> =
        names[..random.whole(1, 3)].iter().map(|name| target(&clock, name, &mut random)).collect();
    let llm = Fallback::new(targets.iter().map(|target| target.llm.clone()));
    let mut executor = Executor::new(&clock);
    let answered = Rc::new(RefCell::new(0));
    for _ in 0..CALLS {
        let plan = Plan::new(&mut random);
        let (llm, runtime, answered) = (llm.clone(), clock.runtime(), answered.clone());
        executor.spawn(async move {
            runtime.sleep(plan.begins).await;
            let began = runtime.now();
            let patience = runtime.sleep(plan.patience.unwrap_or(Duration::from_secs(1_000_000)));
            let call = Box::pin(ask(llm, &plan));
            match select(call, patience).await {
                Either::Left((outcome, _)) => {
                    *answered.borrow_mut() += usize::from(outcome.is_ok());
                    check(&outcome, runtime.now() - began, &plan);
                }
                Either::Right(_) => assert!(plan.patience.is_some(), "it has hung"),
            }
        });
    }
    executor.run().unwrap();
    for target in &targets {
        assert_eq!((target.llm.key_pool().in_flight(), target.provider.open_requests()), (0, 0));
        assert_eq!(target.llm.token_bucket().waiters(), 0);
    }
    answered.take()
}

#[test]
fn every_call_ends_once_in_time_and_whole() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("LOCKKEEPER_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LOCKKEEPER_FALLBACK_SCENARIOS").unwrap_or(SCENARIOS),
    };
    let mut answered = 0;
    let count = seeds.end - seeds.start;
    for seed in seeds {
        match std::panic::catch_unwind(|| play(seed)) {
            Ok(some) => answered += some,
            Err(_) => panic!("seed {seed}: play it alone with LOCKKEEPER_SIM_SEED={seed}"),
        }
    }
    assert!(answered as u64 > count * CALLS as u64 / 4, "too few were answered: {answered}");
}
