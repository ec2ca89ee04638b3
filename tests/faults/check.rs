//! Compares what was seen with what the table says. `check.mjs` does the same.

use std::time::SystemTime;

use lockkeeper::Error;

use crate::row::{Expect, Target};

/// What came of a row.
pub struct Seen {
    /// What came of each call.
    pub outcomes: Vec<Result<Answer, Error>>,
    /// The answer as it should be.
    pub whole: String,
    /// How long the caller waited, in seconds.
    pub took: f64,
    /// The time of day after it.
    pub now: SystemTime,
    /// What the provider saw.
    pub requests: Vec<Request>,
    /// How many requests the backup saw.
    pub backup: usize,
    /// The LLM tokens of answers that were counted: for the primary, and for the backup.
    pub counted: [u64; 2],
    /// Keys still counted as in use.
    pub in_flight: u32,
}

/// An answer.
pub struct Answer {
    pub text: String,
    /// Who gave it.
    pub by: Target,
    /// What it has cost, in LLM tokens.
    pub tokens: u64,
}

/// A request, as the provider saw it.
pub struct Request {
    /// When, in seconds from some moment on.
    pub at: f64,
    /// The number of its key.
    pub key: usize,
    /// Whether the client closed its socket, where that can be seen.
    pub hung_up: Option<bool>,
}

/// How far from what is planned something may be, in seconds.
pub struct Slack {
    /// Later, for want of processors.
    pub late: f64,
    /// Earlier, by a coarse clock.
    pub early: f64,
    /// Later at the provider than at the client, which has begun to count by then.
    pub lag: f64,
}

impl Slack {
    fn holds(&self, (least, most): (f64, f64), value: f64) -> bool {
        (least - self.early..=most + self.late).contains(&value)
    }
}

/// Everything that is not as the table says.
pub fn complaints(expect: &Expect, seen: &Seen, slack: &Slack) -> Vec<String> {
    let mut complaints = Vec::new();
    for outcome in &seen.outcomes {
        complaints.extend(match outcome {
            Ok(answer) => of_answer(expect, answer, seen),
            Err(error) => of_error(expect, error, seen, slack),
        });
    }
    complaints.extend(of_counts(expect, seen));
    complaints.extend(of_requests(expect, seen, slack));
    if !slack.holds(expect.time(), seen.took) {
        complaints.push(format!("took {} s, not {:?}", seen.took, expect.time()));
    }
    if seen.in_flight > 0 {
        complaints.push(format!("{} keys are still in use", seen.in_flight));
    }
    complaints
}

/// Notes it where two values differ.
fn differ<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Option<String> {
    (is != should).then(|| format!("{what}: {is:?}, not {should:?}"))
}

fn of_answer(expect: &Expect, answer: &Answer, seen: &Seen) -> Vec<String> {
    let unexpected = (!expect.answer).then(|| "an answer, not an error".to_owned());
    let by = expect.by.and_then(|by| differ("answered by", answer.by, by));
    let text = differ("answer", &answer.text, &seen.whole);
    [unexpected, by, text].into_iter().flatten().collect()
}

/// What was answered is counted for the one who answered; and what was given up, for the primary.
fn of_counts(expect: &Expect, seen: &Seen) -> Vec<String> {
    if !expect.answer {
        return Vec::new();
    }
    let fits = |(target, counted): (Target, u64)| {
        let answers = seen.outcomes.iter().flatten().filter(|answer| answer.by == target);
        let tokens: u64 = answers.map(|answer| answer.tokens).sum();
        let is_more = expect.restarted && target == Target::Primary;
        let fits = if is_more { counted > tokens } else { counted == tokens };
        (!fits).then(|| format!("{target:?} is counted with {counted} tokens, answered {tokens}"))
    };
    let targets = [Target::Primary, Target::Backup].into_iter();
    targets.zip(seen.counted).filter_map(fits).collect()
}

fn of_error(expect: &Expect, error: &Error, seen: &Seen, slack: &Slack) -> Vec<String> {
    let clock = error.clock().map(lockkeeper::Clock::setting);
    let partial = error.partial().map_or("", |partial| &partial.text);
    let is_partial = !partial.is_empty() && seen.whole.starts_with(partial);
    let shows_key = format!("{error:?}").contains("sk-fault-table");
    let code = expect.code.as_deref().and_then(|code| differ("code", error.code(), Some(code)));
    let mut complaints: Vec<_> = [
        code,
        differ("error", Some(error.kind().as_str()), expect.error.as_deref()),
        differ("clock", clock, expect.clock.as_deref()),
        differ("status", error.status(), expect.status),
        differ("holds a part of the answer", is_partial, expect.partial),
        differ("holds the whole answer", partial == seen.whole, false),
        differ("attempts", error.attempts().len(), expect.requests + expect.backup),
        differ("shows a key", shows_key, false),
        differ("retry_at", error.retry_at().is_some(), expect.retry_in.is_some()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let (Some(at), Some((least, most))) = (error.retry_at(), expect.retry_in()) {
        // It is told from when the last answer came, and read when the call was over.
        let left = at.duration_since(seen.now).unwrap_or_default().as_secs_f64();
        if !(least - slack.late..=most + slack.early).contains(&left) {
            complaints.push(format!("retry_at in {left} s, not {least} to {most}"));
        }
    }
    complaints.extend((!complaints.is_empty()).then(|| format!("it is {error:?}")));
    complaints
}

fn of_requests(expect: &Expect, seen: &Seen, slack: &Slack) -> Vec<String> {
    let requests = &seen.requests;
    let keys: Vec<_> = requests.iter().map(|request| request.key).collect();
    let mut complaints = Vec::new();
    complaints.extend(differ("requests", requests.len(), expect.requests));
    complaints.extend(differ("requests to the backup", seen.backup, expect.backup));
    if let Some(wanted) = &expect.keys {
        complaints.extend(differ("keys", &keys, wanted));
    }
    let is: Vec<_> = requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    let should = expect.gaps();
    let lag = if expect.lasts > 0.0 { slack.lag } else { 0.0 };
    let fits = |(is, should): (&f64, &(f64, f64))| slack.holds((should.0 - lag, should.1), *is);
    if is.len() != should.len() || !is.iter().zip(&should).all(fits) {
        complaints.push(format!("waits: {is:?}, not {should:?}"));
    }
    if let Some(hung_up) = requests.last().and_then(|request| request.hung_up)
        && (expect.hung_up || expect.answer)
    {
        complaints.extend(differ("the client hung up", hung_up, expect.hung_up));
    }
    complaints
}
