//! Reading a chunk by its likeness to one before it.
//!
//! The chunks of an answer differ in their text and in little else. So a chunk that has been read is kept as
//! a template, with holes where its texts are: the next is compared with it byte by byte around the
//! holes, and only what is in them is read. JSON that is the same but for its strings means the same but
//! for their values; anything else is read in full.

use std::ops::Range;

use memchr::{memchr2, memmem};
use serde::de::DeserializeOwned;

use super::chunk::{ChatChunk, Delta};
use super::content::Content;

/// So many templates in a row may serve for nothing before no more are made.
const MOST_WASTED: u8 = 8;

/// Reads the chunks of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkReader {
    /// Whether a chunk has come that has a text.
    has_text: bool,
    template: Option<Box<Template>>,
    /// Templates in a row that no chunk was like.
    wasted: u8,
}

impl ChunkReader {
    /// Reads a chunk, with a look at those before.
    pub fn read(&mut self, data: &[u8]) -> serde_json::Result<ChatChunk> {
        if let Some(chunk) = self.template.as_ref().and_then(|template| template.read(data)) {
            self.wasted = 0;
            return Ok(chunk);
        }
        let chunk = read_json(data)?;
        if self.wasted < MOST_WASTED && Hole::ALL.iter().any(|hole| hole.is_in(data)) {
            // The first is as a rule like no other: it says who speaks.
            if std::mem::replace(&mut self.has_text, true) {
                self.wasted += 1;
                self.template = Template::of(data, &chunk).map(Box::new).or(self.template.take());
            }
        }
        Ok(chunk)
    }
}

/// Reads JSON whose bytes are looked at once, not string by string, for whether they are a text.
pub(super) fn read_json<T: DeserializeOwned>(data: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(data) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(data), // which says where it is none
    }
}

/// A chunk with holes.
#[derive(Clone, Debug)]
struct Template {
    json: Box<[u8]>,
    /// The texts in `json`, between their quotes, in the order in which they stand there.
    holes: Box<[(Range<usize>, Hole)]>,
    /// What it means, with the texts empty.
    chunk: ChatChunk,
}

/// A text that chunks differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    Content,
    ReasoningContent,
    Reasoning,
    Arguments,
    Obfuscation,
}

impl Hole {
    const ALL: [Self; 5] = [
        Self::Content,
        Self::ReasoningContent,
        Self::Reasoning,
        Self::Arguments,
        Self::Obfuscation,
    ];

    /// How its text begins.
    fn key(self) -> &'static [u8] {
        match self {
            Self::Content => br#""content":""#,
            Self::ReasoningContent => br#""reasoning_content":""#,
            Self::Reasoning => br#""reasoning":""#,
            Self::Arguments => br#""arguments":""#,
            Self::Obfuscation => br#""obfuscation":""#,
        }
    }

    /// Whether it may be in a chunk's JSON.
    fn is_in(self, json: &[u8]) -> bool {
        memmem::find(json, self.key()).is_some()
    }

    /// Where its text is in a chunk, if it has one.
    fn text(self, chunk: &mut ChatChunk) -> Option<&mut String> {
        if self == Self::Obfuscation {
            return chunk.obfuscation.as_mut();
        }
        let [choice] = chunk.choices.as_mut_slice() else { return None };
        let Delta { content, reasoning_content, reasoning, tool_calls, .. } = &mut choice.delta;
        match self {
            Self::ReasoningContent => reasoning_content.as_mut(),
            Self::Reasoning => reasoning.as_mut(),
            Self::Arguments => match tool_calls.as_mut_slice() {
                [call] => Some(&mut call.function.arguments),
                _ => None,
            },
            _ => match content {
                Some(Content::Text(text)) => Some(text),
                _ => None,
            },
        }
    }

    /// Where its text is in the chunk's JSON, if it is there as plainly as that.
    fn find(self, json: &[u8], text: &str) -> Option<Range<usize>> {
        let start = memmem::find(json, self.key())? + self.key().len();
        let end = start + text.len();
        let is_there = json.get(start..end)? == text.as_bytes() && json.get(end) == Some(&b'"');
        is_there.then_some(start..end)
    }
}

impl Template {
    /// The template that a chunk makes, if it has a text whose place can be told.
    fn of(json: &[u8], chunk: &ChatChunk) -> Option<Self> {
        let mut chunk = chunk.clone();
        let mut holes = Vec::with_capacity(1); // mostly there is one
        for hole in Hole::ALL {
            let Some(text) = hole.text(&mut chunk) else { continue };
            if let Some(range) = hole.find(json, text) {
                text.clear();
                holes.push((range, hole));
            }
        }
        if holes.is_empty() {
            return None;
        }
        holes.sort_by_key(|(range, _)| range.start);
        let template = Self { json: json.into(), holes: holes.into(), chunk };
        template.is_true().then_some(template)
    }

    /// Whether other texts in its holes make the chunk that it would make of them.
    fn is_true(&self) -> bool {
        let (mut probe, mut from) = (Vec::new(), 0);
        for (number, (range, _)) in self.holes.iter().enumerate() {
            probe.extend_from_slice(&self.json[from..range.start]);
            probe.extend_from_slice(format!("other text {number}").as_bytes());
            from = range.end;
        }
        probe.extend_from_slice(&self.json[from..]);
        let read = serde_json::from_slice::<ChatChunk>(&probe);
        read.is_ok_and(|read| self.read(&probe) == Some(read))
    }

    /// Reads a chunk that is like it; `None` if it is not.
    fn read(&self, json: &[u8]) -> Option<ChatChunk> {
        let mut texts: [Range<usize>; Hole::ALL.len()] = Default::default();
        let (mut at, mut from) = (0, 0);
        for ((range, _), text) in self.holes.iter().zip(&mut texts) {
            let same = &self.json[from..range.start];
            let start = at + json.get(at..)?.strip_prefix(same).map(|_| same.len())?;
            at = start + length_of_text(&json[start..])?;
            (*text, from) = (start..at, range.end);
        }
        if json[at..] != self.json[from..] {
            return None;
        }
        let mut chunk = self.chunk.clone();
        for ((_, hole), text) in self.holes.iter().zip(texts) {
            *hole.text(&mut chunk)? = text_of(json, text)?;
        }
        Some(chunk)
    }
}

/// How long the JSON string is whose opening quote has been read.
fn length_of_text(json: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        end += memchr2(b'"', b'\\', json.get(end..)?)?;
        match json[end] {
            b'"' => return Some(end),
            _ => end += 2,
        }
    }
}

/// The text that stands at this place, between quotes.
fn text_of(json: &[u8], place: Range<usize>) -> Option<String> {
    let plain = |byte: &u8| !matches!(byte, b'\\' | 0..0x20);
    if json[place.clone()].iter().all(plain) {
        return std::str::from_utf8(&json[place]).ok().map(str::to_owned);
    }
    serde_json::from_slice(&json[place.start - 1..=place.end]).ok()
}

#[cfg(test)]
mod tests;
