//! Reading an answer that comes in one piece.

use bytes::Bytes;
use tracing::trace;

use crate::clocks::{Limit, Pieces};
use crate::codec::{Codec, Facts};
use crate::core::json::Json;
use crate::core::provider_error::ProviderError;
use crate::core::redaction::Redaction;
use crate::core::retry::Failure;
use crate::core::text;
use crate::error::ErrorKind;
use crate::exchange::{Reader, Sent};
use crate::platform::{Body, HttpResponse};
use crate::response_failure::{Hints, in_place_of_answer};

/// No answer in one piece is larger; images come as links or in far smaller pieces.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Reads a whole answer.
pub(crate) struct WholeBody<C>(pub C);

impl<C: Codec> Reader for WholeBody<C> {
    type Answer = C::Answer;

    async fn read(&self, sent: Sent<'_>, response: HttpResponse) -> Result<C::Answer, Failure> {
        let HttpResponse { headers, body, .. } = response;
        let hinted = |failure| Hints::of(&headers, sent.runtime().unix_time()).add_to(failure);
        let body = whole(&sent, body).await.map_err(hinted)?;
        trace!(call = sent.call.course.record.id, body = %sent.redaction.redacted(&body), "answer");
        decode(&self.0, &body, sent.redaction).map_err(hinted)
    }
}

async fn whole(sent: &Sent<'_>, body: Body) -> Result<Bytes, Failure> {
    let (mut first, mut whole) = (Bytes::new(), Vec::new());
    let (mut body, limit) = (Pieces::of(body), sent.call.beginning());
    while let Some(bytes) = body.next(sent.runtime(), limit).await.map_err(Limit::failure)? {
        let bytes = bytes.map_err(Failure::cut)?;
        if first.len() + whole.len() + bytes.len() > LARGEST_ANSWER {
            let message = format!("the answer is larger than {LARGEST_ANSWER} bytes");
            return Err(Failure::new(ErrorKind::Decode, message));
        }
        if first.is_empty() && whole.is_empty() {
            first = bytes; // mostly there is one piece
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&bytes);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

/// Tells an answer from an error in its place, from a cut, and from something else altogether.
pub(crate) fn decode<C: Codec>(
    codec: &C,
    body: &[u8],
    redaction: &Redaction,
) -> Result<C::Answer, Failure> {
    match codec.answer(body) {
        Ok(answer) if answer.is_error() => Err(in_place_of_answer(body, redaction)),
        Ok(answer) if answer.choices().next().is_none() => {
            Err(Failure::new(ErrorKind::Decode, "the answer has no choices"))
        }
        Ok(answer) => Ok(answer),
        Err(error) => Err(not_decoded(&error, body, redaction)),
    }
}

fn not_decoded(error: &str, body: &[u8], redaction: &Redaction) -> Failure {
    let wrong = Json::read(body).err();
    if wrong.is_some_and(|wrong| wrong.is_cut) {
        let message = format!("the answer was cut after {} bytes", body.len());
        return Failure::new(ErrorKind::Truncated, message);
    }
    let start = ProviderError::from_body(body, redaction).message;
    let start = redaction.redacted(start);
    let start = text::start(&start, 200);
    let message = format!("the answer is no chat completion ({error}): {start}");
    let failure = Failure::new(ErrorKind::Decode, message);
    // JSON that has broken down on its way may come whole; a page, or some other JSON, is what is
    // answered there.
    let is_broken = wrong.is_some() && body.trim_ascii_start().starts_with(b"{");
    if is_broken { failure.cut_off() } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ChatResponse, SerdeCodec};
    use crate::core::key::ApiKey;

    fn redaction() -> Redaction {
        Redaction::new([].into(), ApiKey::new("sk-0123456789abcd"))
    }

    fn decode(body: &[u8]) -> Result<ChatResponse, Failure> {
        super::decode(&SerdeCodec::default(), body, &redaction())
    }

    #[test]
    fn an_answer_is_cut_wherever_it_is_cut() {
        let whole = br#"{"choices":[{"index":0,"message":{"content":"Hi!"}}]}"#;
        assert!(decode(whole).is_ok());
        for length in 0..whole.len() {
            let kind = decode(&whole[..length]).map_err(|failure| failure.kind());
            assert_eq!(kind, Err(ErrorKind::Truncated), "after {length} bytes");
        }
        let page = decode(b"<html>").map_err(|failure| failure.kind());
        assert_eq!(page, Err(ErrorKind::Decode));
    }

    #[test]
    fn broken_json_may_be_asked_for_again_and_other_json_not() {
        let is_cut = |body: &[u8]| decode(body).map_err(|failure| failure.is_cut);
        assert_eq!(is_cut(b"{malformed json: <<<>>>"), Err(true));
        assert_eq!(is_cut(br#"{"choices":7}"#), Err(false));
        assert_eq!(is_cut(b"<html>"), Err(false));
    }

    #[test]
    fn what_is_shown_of_a_strange_body_is_no_part_of_a_key() {
        for quote in ["", "\""] {
            for before in 170..200 {
                let body = format!("{quote}{}sk-0123456789abcd{quote}", "x".repeat(before));
                let message =
                    decode(body.as_bytes()).map_err(|failure| failure.error.message().to_owned());
                // What stands there whole is redacted when the attempt ends.
                let shown = redaction().redacted(message.unwrap_err());
                assert!(!shown.contains("sk-"), "{before} {shown}");
            }
        }
    }
}
