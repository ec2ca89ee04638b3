//! The keys at work: a table that is drawn anew on a terminal, plain lines elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::Duration;

use lockkeeper::{KeyState, KeyStatus, OpenAiCompatible};

use crate::out;

/// How often the table is looked at.
pub const REFRESH: Duration = Duration::from_millis(100);

/// The table on screen.
pub struct Table {
    live: bool,
    lines: usize,
    last: String,
}

impl Table {
    /// A table that is not drawn yet.
    pub fn new() -> Self {
        Self { live: std::io::stdout().is_terminal(), lines: 0, last: String::new() }
    }

    /// Draws how things stand. Where there is no terminal a line tells what has changed.
    pub fn draw(&mut self, llm: &OpenAiCompatible) -> io::Result<()> {
        let text = if self.live { table(llm) } else { line(llm) };
        if text == self.last {
            return Ok(());
        }
        let mut drawn = String::new();
        if self.live && self.lines > 0 {
            // Up to where the table began, and clear from there.
            let _ = write!(drawn, "\x1b[{}A\x1b[J", self.lines);
        }
        drawn.push_str(&text);
        self.lines = text.lines().count();
        self.last = text;
        out::say(&drawn)
    }
}

/// The whole table; also how it ends.
pub fn table(llm: &OpenAiCompatible) -> String {
    let mut text = String::from("  key      state       in flight   done  waits   429s\n");
    for key in llm.key_pool().statuses() {
        let counts = key.counts;
        let _ = writeln!(
            text,
            "  {:<8} {:<11} {:>9} {:>6} {:>6} {:>6}",
            key.label,
            state(&key),
            key.in_flight,
            counts.succeeded,
            counts.waited,
            counts.rate_limited
        );
    }
    let bucket = llm.token_bucket();
    let _ = writeln!(
        text,
        "  bucket   {} {:.1} of {} tokens, {} waiting",
        gauge(bucket.tokens() / bucket.capacity()),
        bucket.tokens(),
        bucket.capacity(),
        bucket.waiters()
    );
    text
}

fn line(llm: &OpenAiCompatible) -> String {
    let mut text = String::from(" ");
    for key in llm.key_pool().statuses() {
        let (label, counts) = (&key.label, key.counts);
        let (busy, done) = (key.in_flight, counts.succeeded);
        let _ = write!(text, " {label}: {busy} in flight, {done} done, ");
        let _ = write!(text, "{} waits, {} 429s;", counts.waited, counts.rate_limited);
    }
    let _ = writeln!(text, " {} waiting", llm.token_bucket().waiters());
    text
}

fn state(key: &KeyStatus) -> String {
    match (key.state, key.rests_for) {
        (KeyState::Ready, _) => "ready".to_owned(),
        (KeyState::Cooling, Some(rest)) => format!("rests {:.1} s", rest.as_secs_f64()),
        (KeyState::Exhausted, _) => "exhausted".to_owned(),
        (KeyState::Dead, _) => "refused".to_owned(),
        (state, _) => format!("{state:?}").to_lowercase(),
    }
}

fn gauge(level: f64) -> String {
    let full = (level.clamp(0.0, 1.0) * 20.0).round() as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(20 - full))
}
