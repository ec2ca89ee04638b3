//! What a key's attempts have shown, beyond what its counts tell: how they failed, and how long they took.

use std::time::Duration;

use super::histogram::{Histogram, Quantiles};
use crate::error::ErrorKind;

/// What an attempt adds to its key's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It was answered, in so long.
    Answered(Duration),
    /// Its stream's first visible token came after so long.
    FirstToken(Duration),
    /// It failed so.
    Failed(ErrorKind),
}

/// The record of one key.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// In the order in which they first came.
    failures: Vec<(ErrorKind, u64)>,
    /// Most keys of a large pool are never used.
    times: Option<Box<Times>>,
}

#[derive(Clone, Debug, Default)]
struct Times {
    latency: Histogram,
    first_token: Histogram,
}

impl Record {
    /// Takes in a note.
    pub fn note(&mut self, note: Note) {
        match note {
            Note::Answered(took) => self.times.get_or_insert_default().latency.record(took),
            Note::FirstToken(took) => self.times.get_or_insert_default().first_token.record(took),
            Note::Failed(kind) => self.failed(kind),
        }
    }

    /// How often attempts failed, by what went wrong.
    pub fn failures(&self) -> &[(ErrorKind, u64)] {
        &self.failures
    }

    /// How long attempts took that were answered.
    pub fn latency(&self) -> Option<Quantiles> {
        self.times.as_ref()?.latency.quantiles()
    }

    /// How long it took streams to their first visible token.
    pub fn first_token(&self) -> Option<Quantiles> {
        self.times.as_ref()?.first_token.quantiles()
    }

    fn failed(&mut self, kind: ErrorKind) {
        match self.failures.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.failures.push((kind, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_told() {
        let mut record = Record::default();
        assert_eq!((record.latency(), record.first_token()), (None, None));
        let second = Duration::from_secs(1);
        for note in [
            Note::Failed(ErrorKind::Server),
            Note::Failed(ErrorKind::RateLimited),
            Note::Answered(second),
            Note::Failed(ErrorKind::Server),
        ] {
            record.note(note);
        }
        assert_eq!(record.failures(), [(ErrorKind::Server, 2), (ErrorKind::RateLimited, 1)]);
        assert_eq!(record.latency().map(|it| (it.count, it.sum)), Some((1, second)));
        assert_eq!(record.first_token(), None);
        record.note(Note::FirstToken(second));
        assert_eq!(record.first_token().map(|it| it.count), Some(1));
    }
}
