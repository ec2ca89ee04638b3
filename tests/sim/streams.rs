//! The streams that the provider sends: whole ones in their many shapes, and every way to break
//! off.

use lockkeeper::testing::Reply;
use serde_json::{Value, json};

use super::provider::{Asked, error_object};
use super::random::Random;
use super::said::{Event, Meaning};

/// A stream's bytes, and its events by their meaning.
pub fn stream(r: &mut Random, asked: &Asked, goes_bad: bool) -> (Reply, Vec<Event>) {
    let mut events = whole(r, asked);
    if !goes_bad && matches!(events[0], Event::Usage(..) | Event::Done) {
        events.insert(0, Event::Finish); // without any choice it would be no answer
    }
    let at = r.below(events.len());
    let breaks = if goes_bad { r.below(6) } else { usize::MAX };
    let mut codes = Vec::new();
    match breaks {
        0 => events[at] = Event::Malformed,
        1 => {
            let (meaning, code) = error_object(r);
            events[at] = Event::Error(meaning);
            codes.push(code);
        }
        // A first token that takes very long: silence, then the rest would come.
        2 => events.splice(1..1, vec![Event::Invisible; 40]).for_each(drop),
        _ => {}
    }
    let reply = Reply::events(events.iter().map(|event| data(event, &codes)));
    let reply = match breaks {
        3 => reply.cut_after(at),
        4 => reply.end_after(at),
        5 => reply.stall_after(at),
        _ => reply,
    };
    (reply, events)
}

/// A whole answer: with and without a role, usage (late or not at all) and `[DONE]`.
fn whole(r: &mut Random, asked: &Asked) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..r.below(3) {
        events.push(Event::Invisible);
    }
    for piece in 0..r.below(6) {
        events.push(Event::Text(format!("{piece} of {}; ", asked.call)));
    }
    let (finishes, done) = r.pick(&[(true, true), (true, true), (true, false), (false, true)]);
    if finishes {
        events.push(Event::Finish);
    }
    if asked.usage && r.chance(0.8) {
        events.push(Event::Usage(r.whole(1, 90) as u64, r.whole(1, 90) as u64));
    }
    if done {
        events.push(Event::Done);
    }
    events
}

fn data(event: &Event, codes: &[&str]) -> String {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        json!({ "choices": [choice] }).to_string()
    };
    match event {
        Event::Invisible => chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
        Event::Text(text) => chunk(json!({ "content": text }), Value::Null),
        Event::Finish => chunk(json!({}), json!("stop")),
        Event::Usage(input, output) => {
            let usage = json!({ "prompt_tokens": input, "completion_tokens": output });
            json!({ "choices": [], "usage": usage }).to_string()
        }
        Event::Done => "[DONE]".to_owned(),
        Event::Malformed => r#"{"choices": [{"index"#.to_owned(),
        Event::Error(Meaning::NoUsage) => unreachable!("it comes as a status"),
        Event::Error(_) => json!({ "error": { "code": codes[0], "message": "no" } }).to_string(),
    }
}
