//! Where the demonstration speaks: the standard output, which its reader may close at any moment.

use std::error::Error;
use std::io::{self, ErrorKind, Write};

/// Writes a text, and sees to it that it shows.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line.
pub fn line(text: &str) -> io::Result<()> {
    say(&format!("{text}\n"))
}

/// Whether this says only that nobody reads on, as behind `| head`: that is an end, no failure.
pub fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
