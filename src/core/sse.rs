//! The event stream of the WHATWG standard, parsed by bytes.
//!
//! Bytes go in as the network delivers them, events come out; where the bytes were split makes no
//! difference. Data stays bytes: whether it is UTF-8 is for the JSON parser to say.

mod buffer;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;

use buffer::Buffer;

/// A mark that may stand at the very start of a stream.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// The `event:` name; empty where there is none.
    pub(crate) name: &'a [u8],
    /// The `data:` lines, joined by `\n`.
    pub(crate) data: &'a [u8],
    /// Whether a blank line ended the event. One that the end of the stream ended may be cut.
    pub(crate) terminated: bool,
}

/// Why a stream cannot be parsed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum SseError {
    /// An event, with all its lines, is longer than `limit` bytes.
    EventTooLarge {
        /// The most bytes that an event may have.
        limit: usize,
    },
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::EventTooLarge { limit } = self;
        write!(f, "an event of the stream is longer than {limit} bytes")
    }
}

impl std::error::Error for SseError {}

/// The parser: [`push`](Self::push) bytes, then take every [`next_event`](Self::next_event).
///
/// Only the event that is still open stays in the buffer, and it may not outgrow the limit.
#[derive(Debug)]
pub(crate) struct SseParser {
    limit: usize,
    buffer: Buffer,
    /// Where the open event begins; all before it is done with.
    event_start: usize,
    /// Where the line that is being read begins.
    line_start: usize,
    /// Up to where that line is known to have no end, so that no byte is looked at twice.
    scanned: usize,
    open: OpenEvent,
    /// Nothing was read yet, so that a BOM may come.
    at_start: bool,
    /// The last line ended in CR: an LF that comes next belongs to it.
    after_cr: bool,
    failed: bool,
}

/// The lines of the open event that count. Ranges are of the parser's buffer.
#[derive(Debug, Default)]
struct OpenEvent {
    name: Range<usize>,
    data: Data,
    /// The data lines together, once there are two.
    joined: Vec<u8>,
}

/// Where the data of the open event is: in the buffer as long as it is a single line.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    OneLine(Range<usize>),
    Joined,
}

impl SseParser {
    /// A parser that refuses an event of more than `max_event_bytes`, comments and all.
    pub(crate) fn new(max_event_bytes: usize) -> Self {
        Self {
            limit: max_event_bytes,
            buffer: Buffer::default(),
            event_start: 0,
            line_start: 0,
            scanned: 0,
            open: OpenEvent::default(),
            at_start: true,
            after_cr: false,
            failed: false,
        }
    }

    /// Adds bytes as they came. Take all events before the next push, to keep the buffer small.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !self.failed {
            self.compact();
            self.buffer.push(bytes);
        }
    }

    /// What was pushed and not read, where an event begins with it.
    pub(crate) fn at_event(&self) -> Option<&[u8]> {
        let begins = self.event_start == self.line_start && !self.open.has_data();
        (begins && !self.after_cr).then(|| &self.buffer[self.event_start..])
    }

    /// Passes over events that somebody else has read there.
    pub(crate) fn skip(&mut self, bytes: usize) {
        if bytes > 0 {
            self.at_start = false;
            self.line_start += bytes;
            self.event_start = self.line_start;
            self.let_go();
        }
    }

    /// Lets go of what was read, if nothing of it is left: whoever reads the last event may take its time
    /// with it.
    pub(crate) fn let_go(&mut self) {
        if self.event_start == self.buffer.len() {
            self.compact();
        }
    }

    /// The next event that is complete; none until more bytes are pushed.
    ///
    /// # Errors
    /// [`SseError::EventTooLarge`], once; the stream is over then.
    pub(crate) fn next_event(&mut self) -> Option<Result<Event<'_>, SseError>> {
        if self.failed || (self.at_start && !self.skip_bom()) {
            return None;
        }
        while let Some(line) = self.next_line() {
            if !line.is_empty() {
                self.read_line(line);
            } else if self.is_too_large(self.line_start) {
                return Some(Err(self.fail()));
            } else if self.open.has_data() {
                return Some(Ok(self.take_event(true)));
            } else {
                self.forget_event();
            }
        }
        if self.is_too_large(self.buffer.len()) {
            return Some(Err(self.fail()));
        }
        self.compact();
        None
    }

    /// What the end of the stream leaves: an event without its blank line, or even without the end
    /// of its last line. Call it when [`next_event`](Self::next_event) has nothing more.
    pub(crate) fn finish(&mut self) -> Option<Event<'_>> {
        if self.failed {
            return None;
        }
        let rest = self.line_start..self.buffer.len();
        self.line_start = rest.end;
        self.read_line(rest);
        self.open.has_data().then(|| self.take_event(false))
    }

    /// The bytes it holds, used or not.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn memory(&self) -> usize {
        self.buffer.memory() + self.open.joined.capacity()
    }

    /// Skips the BOM; false as long as it is not clear whether there is one.
    fn skip_bom(&mut self) -> bool {
        if self.buffer.len() < BOM.len() && BOM.starts_with(&self.buffer) {
            return false;
        }
        self.at_start = false;
        if self.buffer.starts_with(BOM) {
            self.line_start = BOM.len();
            self.forget_event();
        }
        true
    }

    /// The next line that has its end, without it.
    fn next_line(&mut self) -> Option<Range<usize>> {
        if self.after_cr && self.line_start < self.buffer.len() {
            self.after_cr = false;
            self.skip_line_feed();
        }
        let from = self.scanned.max(self.line_start);
        let Some(length) = memchr2(b'\r', b'\n', &self.buffer[from..]) else {
            self.scanned = self.buffer.len();
            return None;
        };
        let line = self.line_start..from + length;
        self.after_cr = self.buffer[line.end] == b'\r';
        self.line_start = line.end + 1;
        Some(line)
    }

    /// Skips the LF of a CRLF. It counts for the event that its CR counted for.
    fn skip_line_feed(&mut self) {
        if self.buffer[self.line_start] == b'\n' {
            let between_events = self.event_start == self.line_start;
            self.line_start += 1;
            if between_events {
                self.event_start = self.line_start;
            }
        }
    }

    /// Takes from a line what counts; `id`, `retry` and unknown fields do not.
    fn read_line(&mut self, line: Range<usize>) {
        let (start, end) = (line.start, line.end);
        let text = &self.buffer[line];
        let is_field = |name: &[u8]| {
            text.strip_prefix(name).is_some_and(|rest| matches!(rest.first(), None | Some(b':')))
        };
        // The value follows the colon, without the one space that may stand there.
        let value = |name: &[u8]| {
            let skipped = if text[name.len()..].starts_with(b": ") { 2 } else { 1 };
            (start + name.len() + skipped).min(end)..end
        };
        if is_field(b"data") {
            self.open.add_data(value(b"data"), &self.buffer);
        } else if is_field(b"event") {
            self.open.name = value(b"event");
        }
    }

    /// Whether the open event, were it to end at `end`, is longer than allowed.
    fn is_too_large(&self, end: usize) -> bool {
        end - self.event_start > self.limit
    }

    fn fail(&mut self) -> SseError {
        self.failed = true;
        self.buffer = Buffer::default();
        SseError::EventTooLarge { limit: self.limit }
    }

    /// Hands the open event out and begins the next.
    fn take_event(&mut self, terminated: bool) -> Event<'_> {
        self.event_start = self.line_start;
        let open = &mut self.open;
        let name = &self.buffer[std::mem::take(&mut open.name)];
        let data = match std::mem::take(&mut open.data) {
            Data::None => &[],
            Data::OneLine(line) => &self.buffer[line],
            Data::Joined => open.joined.as_slice(),
        };
        Event { name, data, terminated }
    }

    /// Begins the next event without handing this one out, as it has no data.
    fn forget_event(&mut self) {
        self.event_start = self.line_start;
        self.open.name = 0..0;
    }

    /// Drops the bytes that are done with.
    fn compact(&mut self) {
        let done = self.event_start;
        if done == 0 {
            return;
        }
        self.buffer.drop_first(done);
        self.event_start = 0;
        self.line_start -= done;
        self.scanned = self.scanned.saturating_sub(done);
        self.open.move_back(done);
    }
}

impl OpenEvent {
    fn has_data(&self) -> bool {
        !matches!(self.data, Data::None)
    }

    fn add_data(&mut self, line: Range<usize>, buffer: &[u8]) {
        match std::mem::take(&mut self.data) {
            Data::None => {
                self.data = Data::OneLine(line);
                return;
            }
            Data::OneLine(first) => {
                self.joined.clear();
                self.joined.extend_from_slice(&buffer[first]);
            }
            Data::Joined => {}
        }
        self.joined.push(b'\n');
        self.joined.extend_from_slice(&buffer[line]);
        self.data = Data::Joined;
    }

    /// Follows the buffer, of which `bytes` before this event were dropped.
    fn move_back(&mut self, bytes: usize) {
        let moved = |range: &Range<usize>| {
            range.start.saturating_sub(bytes)..range.end.saturating_sub(bytes)
        };
        self.name = moved(&self.name);
        if let Data::OneLine(line) = &self.data {
            self.data = Data::OneLine(moved(line));
        }
    }
}

#[cfg(test)]
mod tests;
