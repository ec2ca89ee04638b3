//! The run itself: calls come when they come, and the real client makes them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::arrivals::arrivals;
use super::books::{Books, SharedBooks, Watcher};
use super::dialect::{Dialect, request};
use super::optimum::optimum;
use super::provider_file::with_made_up_keys;
use super::report::{KeyReport, Report, jain, rounded};
use super::scenario::Scenario;
use super::series::{Point, look_on, series};
use super::service::Provider;
use super::valid;
use crate::client::OpenAiCompatible;
use crate::codec::CallRequest;
use crate::error::{Error, Problem};
use crate::events::Outcome;
use crate::lock::lock;
use crate::provider_config::{ModelSettings, parse};
use crate::testing::{Executor, VirtualClock};

/// Plays a scenario to its end, when the last call has been answered or has failed.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) with every mistake in the scenario, and its path in it.
pub fn simulate(scenario: &Scenario) -> Result<Report, Error> {
    let (settings, arrivals) = (checked(scenario)?, arrivals(scenario));
    let keys = settings.api_keys.len();
    let (clock, books) = (VirtualClock::new(), SharedBooks::default());
    let (optimum, optimum_waits) = optimum(scenario, &arrivals, keys);
    let mut report =
        Report { model: settings.reference(), optimum, optimum_waits, ..Report::default() };
    let llm = OpenAiCompatible::builder(settings)
        .transport(Arc::new(Provider::new(scenario, keys, &clock, books.clone())))
        .runtime(clock.runtime())
        .observer(Arc::new(Watcher { clock: clock.clone(), books: books.clone() }))
        .build()?;
    let label =
        |status: crate::KeyStatus| KeyReport { label: status.label, ..KeyReport::default() };
    lock(&books).keys = llm.key_pool().statuses().into_iter().map(label).collect();

    let points = play(&clock, &llm, &books, arrivals, &Ask::of(scenario));

    report.makespan = rounded(clock.elapsed().as_secs_f64());
    lock(&books).close(&mut report);
    let at_work = keys.saturating_sub(scenario.faults.dead_keys as usize);
    let shares: Vec<u64> = report.keys[..at_work].iter().map(|key| key.requests).collect();
    report.balance = jain(&shares);
    if report.makespan > 0.0 {
        report.throughput = rounded(report.succeeded as f64 / report.makespan);
    }
    report.series = series(&points);
    Ok(report)
}

/// The settings of the entry that is called, if nothing is wrong with anything.
fn checked(scenario: &Scenario) -> Result<ModelSettings, Error> {
    let mut problems = valid::problems(scenario);
    let mut models =
        parse(&with_made_up_keys(&scenario.provider), &|_| None).unwrap_or_else(|error| {
            problems.extend(error.problems().iter().map(in_scenario));
            Vec::new()
        });
    models.sort_by_key(ModelSettings::reference);
    let known: Vec<String> = models.iter().map(ModelSettings::reference).collect();
    let is_called = |model: &String| scenario.model.as_ref().is_none_or(|called| called == model);
    match known.iter().position(is_called) {
        Some(at) if problems.is_empty() => {
            Ok(ModelSettings { fallbacks: Vec::new(), ..models.swap_remove(at) })
        }
        at => {
            if at.is_none() && !known.is_empty() {
                let message =
                    format!("names no entry of `provider`; there are {}", known.join(", "));
                problems.push(Problem::new("model", 0, message));
            }
            Err(valid::wrong(problems))
        }
    }
}

fn in_scenario(problem: &Problem) -> Problem {
    let separator = if problem.path.is_empty() || problem.path.starts_with('[') { "" } else { "." };
    Problem::new(format!("provider{separator}{}", problem.path), 0, problem.message.clone())
}

/// What every call does.
struct Ask {
    request: CallRequest,
    is_streamed: bool,
    /// What it costs, in LLM tokens.
    cost: (u64, u64),
}

impl Ask {
    fn of(scenario: &Scenario) -> Self {
        let traffic = &scenario.traffic;
        let cost = (traffic.input_tokens.into(), traffic.output_tokens.into());
        Self { request: request(traffic.input_tokens), is_streamed: traffic.stream, cost }
    }
}

/// Lets calls come, and looks on.
fn play(
    clock: &VirtualClock,
    llm: &OpenAiCompatible,
    books: &SharedBooks,
    arrivals: Vec<Duration>,
    ask: &Ask,
) -> Vec<Point> {
    let points: Arc<Mutex<Vec<Point>>> = Arc::default();
    let look = {
        let (clock, llm, books) = (clock.clone(), llm.clone(), books.clone());
        move || Point::of(clock.elapsed(), llm.token_bucket().tokens(), &lock(&books))
    };
    let mut executor = Executor::new(clock);
    executor.spawn(look_on(clock.runtime(), look.clone(), points.clone()));
    let runtime = clock.runtime();
    let coming = stream::iter(arrivals).then(|at| {
        let pause = at.saturating_sub(clock.elapsed());
        let runtime = &runtime;
        async move {
            if !pause.is_zero() {
                runtime.sleep(pause).await;
            }
        }
    });
    executor.block_on(coming.for_each_concurrent(None, |()| make(llm, ask, books)));
    let mut points = std::mem::take(&mut *lock(&points));
    points.push(look());
    points
}

async fn make(llm: &OpenAiCompatible, ask: &Ask, books: &Mutex<Books>) {
    lock(books).begun += 1;
    if let Err(error) = answered(llm, ask).await {
        lock(books).fails(error.kind());
    }
}

async fn answered(llm: &OpenAiCompatible, ask: &Ask) -> Result<(), Error> {
    let (request, (input, output)) = (ask.request.clone(), ask.cost);
    if !ask.is_streamed {
        let (_, account) = llm.chat_with(Dialect, request).await?;
        account.count(input, output);
        return Ok(());
    }
    let mut answer = llm.stream_with(Dialect, request);
    let account = answer.account();
    while let Some(chunk) = answer.next().await {
        if let Err(error) = chunk {
            account.end(Outcome::Failed);
            return Err(error);
        }
    }
    account.count(input, output);
    account.end(Outcome::Succeeded);
    Ok(())
}
