//! Streams that break after their first visible token.

use super::*;

/// A primary that breaks in the middle, so many times.
fn cut(times: usize) -> Vec<Reply> {
    vec![Reply::stream(["Half ", "an ", "answer"]).cut_after(2); times]
}

#[test]
fn a_stream_that_breaks_ends_with_what_it_had() {
    let (clock, primary, backup) = pair(Way::Stream, cut(1));
    let stream = behind_one(&[&primary, &backup]).chat_stream(question(), ChatOptions::default());
    let error = clock.block_on(stream.text()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert_eq!(error.partial().unwrap().text, "Half an ");
    assert_eq!((error.attempts()[0].target.as_deref(), backup.sent()), (Some("primary/m"), 0));
}

#[test]
fn or_begins_anew_and_says_so() {
    let (clock, primary, backup) = pair(Way::Stream, cut(1));
    let llm = behind_one(&[&primary, &backup]).on_interrupt(OnInterrupt::Restart);
    let mut stream = llm.chat_stream(question(), ChatOptions::default());
    let mut shown = String::new();
    clock.block_on(async {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.unwrap();
            if let Some(restart) = chunk.restart() {
                assert_eq!((&*shown, &*restart.target), ("Half an ", "backup/m"));
                assert!(restart.reason.contains("cut"), "{}", restart.reason);
                shown.clear();
            }
            shown.push_str(&chunk.text());
        }
    });
    assert_eq!((&*shown, stream.state()), ("from the backup", StreamState::Finished));
    assert_eq!(stream.answered_by().unwrap().provider, "backup");
    assert!(primary.llm.output_token_count() > 0, "what was cut has cost something there");
    assert_eq!(primary.llm.key_pool().in_flight() + backup.llm.key_pool().in_flight(), 0);
    let sent = backup.provider.requests()[0].json();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1, "no prefill");
    assert_eq!(sent.get("on_interrupt"), None);
}

#[test]
fn whoever_wants_the_whole_answer_gets_it_whole() {
    let options = || ChatOptions::default().on_interrupt(OnInterrupt::Restart);
    let (clock, primary, backup) = pair(Way::Stream, cut(2));
    let llm = behind_one(&[&primary, &backup]);
    let text = clock.block_on(llm.chat_stream(question(), options()).text());
    assert_eq!(text.as_deref(), Ok("from the backup"));
    let answer = clock.block_on(llm.chat_stream(question(), options()).result()).unwrap();
    assert_eq!(answer.text(), "from the backup");
    // One client alone is begun anew itself, but not for ever.
    let clock = VirtualClock::new();
    let replies = cut(2).into_iter().chain([Reply::stream(["whole"])]);
    let alone = target(&clock, "alone", replies.chain(cut(9)));
    let text = clock.block_on(alone.llm.chat_stream(question(), options()).text());
    assert_eq!((text.as_deref(), alone.sent()), (Ok("whole"), 3));
    let error = clock.block_on(alone.llm.chat_stream(question(), options()).text()).unwrap_err();
    assert_eq!((error.kind(), alone.sent()), (ErrorKind::Truncated, 3 + 4));
    assert_eq!((error.attempts().len(), &*error.partial().unwrap().text), (4, "Half an "));
}

#[test]
fn a_text_stream_cannot_take_back_what_it_said() {
    let (clock, primary, backup) = pair(Way::Stream, cut(1));
    let llm = behind_one(&[&primary, &backup]).on_interrupt(OnInterrupt::Restart);
    let texts = llm.chat_stream(question(), ChatOptions::default()).text_stream();
    let texts: Vec<_> = clock.block_on(texts.collect());
    let (last, said) = texts.split_last().unwrap();
    let said: String = said.iter().map(|text| text.as_deref().unwrap()).collect();
    assert_eq!(said, "Half an ");
    assert_eq!(last.as_ref().unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn what_was_shown_stays_where_nobody_can_begin_anew() {
    let clock = VirtualClock::new();
    let primary = target(&clock, "primary", cut(1));
    let backup = target(&clock, "backup", vec![Reply::status(503); 9]);
    let llm = behind_one(&[&primary, &backup]).on_interrupt(OnInterrupt::Restart);
    let mut stream = llm.chat_stream(question(), ChatOptions::default());
    let (text, error) = clock.block_on(scripted::events::read(&mut stream));
    let error = error.unwrap();
    assert_eq!((&*text, &*error.partial().unwrap().text), ("Half an ", "Half an "));
    assert_eq!(error.attempts().len(), 3);
}
