//! The table for people: `docs/faults.md`, in words made of what the rows check.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::row::{Expect, Gaps, Row, Target, Theme, Wait, Way, Word, table};

const INTRODUCTION: &str = "\
# What goes wrong, and what comes of it

What a provider may do to a client of this library, what the caller sees of it, and what the provider
sees of the client. Each row is a test. It runs in four places: natively, in Node and in a page in
Chromium, all three over real sockets against the [mock provider](../mock-provider), and in a simulation
on a virtual clock against a scripted provider. What is about the bytes on a socket is not simulated.

Unless a row says otherwise, in brackets, the client has two keys and `max_retries` is 2. A question is
asked both by `chat` and as a stream. A *backoff* is `retry_delay` before the first retry, twice that
before the second; a random part of it between half and all is waited. An error is named by its `kind`,
with its HTTP status; with *the text so far* its `partial` holds what had been shown of the answer. In
every row the call ends, the error lists one attempt for each request, no key stays in use, no key shows
anywhere, and the LLM tokens of an answer are counted for whoever gave it. Where a connection that was
used before breaks without an answer, Chromium may send the request again by itself, which no page can
see or prevent: the provider then sees more requests than attempts.

The rows are data in `tests/faults/rows`, and this page is made of them:
`UPDATE_FAULTS=1 cargo test --test faults`.
";

const HEAD: &str = "\
| the provider | the caller sees | the provider sees | ran in |
|---|---|---|---|
";

const EVERYWHERE: &str = "everywhere";
const SOCKETS: &str = "all but the simulation";

/// Panics where the page is not what the rows say; or writes it, if asked to.
pub fn check() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let page = page();
    if std::env::var_os("UPDATE_FAULTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(is == page, "docs/faults.md is not current: UPDATE_FAULTS=1 cargo test --test faults");
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for Theme { title, rows } in table() {
        write!(page, "\n## {title}\n\n{HEAD}").unwrap();
        for row in &rows {
            writeln!(page, "| {} |", cells(row).join(" | ")).unwrap();
        }
    }
    page
}

fn cells(row: &Row) -> [String; 4] {
    let ran = if row.is_about_bytes() { SOCKETS } else { EVERYWHERE };
    let [caller, provider] = [caller as fn(&Expect) -> String, provider];
    [
        row.provider.clone() + &client(row),
        in_both_ways(row, caller),
        in_both_ways(row, provider),
        ran.to_owned(),
    ]
}

/// How the client differs from the usual.
fn client(row: &Row) -> String {
    let mut notes = Vec::new();
    match row.keys {
        1 => notes.push("one key".to_owned()),
        2 => {}
        many => notes.push(format!("{many} keys")),
    }
    let given = row.settings.iter().chain(&row.options);
    notes.extend(
        given.map(|(name, value)| format!("`{name}` {}", value.to_string().replace('"', ""))),
    );
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

/// What is said of `chat` and of streams, once where it is the same, and of a host that differs.
fn in_both_ways(row: &Row, words: fn(&Expect) -> String) -> String {
    let said = |host: &str| {
        let of = |way| row.expected(way, host).map(|expect| words(&expect));
        match (of(Way::Chat), of(Way::Stream)) {
            (Some(chat), Some(stream)) if chat == stream => chat,
            (Some(chat), Some(stream)) => format!("chat: {chat}; stream: {stream}"),
            (chat, stream) => format!(
                "{}: {}",
                if chat.is_some() { "chat" } else { "stream" },
                chat.or(stream).unwrap()
            ),
        }
    };
    let usually = said("");
    let others = row.but_in.keys().map(|host| (host, said(host)));
    let others = others.filter(|(_, there)| *there != usually);
    others.fold(usually.clone(), |text, (host, there)| format!("{text} (in {host}: {there})"))
}

fn caller(expect: &Expect) -> String {
    let mut text = match &expect.error {
        None if expect.by == Some(Target::Backup) => "the whole answer, from the backup".to_owned(),
        None => "the whole answer".to_owned(),
        Some(kind) => format!("`{kind}`"),
    };
    let mut add = |more: String| text.push_str(&more);
    if let Some(status) = expect.status {
        add(format!(" ({status})"));
    }
    if let Some(clock) = &expect.clock {
        add(format!(" by its clock `{clock}`, after {} s", expect.lasts));
    }
    if expect.error.is_some() && expect.clock.is_none() && expect.time().1 == 0.0 {
        add(" at once".to_owned());
    }
    if expect.partial {
        add(", with the text so far".to_owned());
    }
    if expect.restarted {
        add(", after a *restart*".to_owned());
    }
    match &expect.retry_in {
        Some(Wait::Seconds(86_400.0)) => add(", `retry_at` in a day".to_owned()),
        Some(Wait::Word(_)) => add(", `retry_at` after a backoff".to_owned()),
        Some(wait) => add(format!(", `retry_at` in {}", waited(wait))),
        None => {}
    }
    text
}

fn provider(expect: &Expect) -> String {
    let mut text = match expect.requests {
        0 => "nothing".to_owned(),
        1 => "1 request".to_owned(),
        many => format!("{many} requests"),
    };
    if let Some(keys) = &expect.keys {
        write!(text, " with keys {}", listed(keys.iter().map(usize::to_string).collect())).unwrap();
    }
    match &expect.gaps {
        Some(Gaps::All(Wait::Word(Word::AtOnce))) => text.push_str(", one right after the other"),
        Some(Gaps::All(wait)) => write!(text, ", {} apart", waited(wait)).unwrap(),
        Some(Gaps::Each(waits)) => {
            write!(text, ", {} apart", listed(waits.iter().map(waited).collect())).unwrap();
        }
        None => {}
    }
    if expect.hung_up {
        text.push_str("; then the socket closes");
    }
    match expect.backup {
        0 => {}
        1 => text.push_str("; the backup: 1 request"),
        many => write!(text, "; the backup: {many} requests").unwrap(),
    }
    text
}

fn waited(wait: &Wait) -> String {
    match wait {
        Wait::Seconds(seconds) => format!("{seconds} s"),
        Wait::Between(least, most) => format!("{least} to {most} s"),
        Wait::Word(Word::AtOnce) => "0 s".to_owned(),
        Wait::Word(Word::Backoff) => "a backoff".to_owned(),
    }
}

fn listed(mut words: Vec<String>) -> String {
    match (words.pop(), words.is_empty()) {
        (Some(last), false) => format!("{} and {last}", words.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}
