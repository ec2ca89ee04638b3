//! Streamed calls: what is told on the way, in pieces of any size.

use futures::StreamExt;
use lockkeeper::{FunctionStream, LlmFunctionError, LlmFunctionErrorKind as Kind, Progress};

use super::*;

/// A streamed answer in pieces of so many bytes on the wire.
fn in_pieces(reply_text: &[&str], size: usize) -> Reply {
    let mut events = String::new();
    for text in reply_text {
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
        events.push_str(&format!("data: {chunk}\n\n"));
    }
    events.push_str(
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    );
    events.push_str("data: [DONE]\n\n");
    let pieces: Vec<Vec<u8>> = events.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
    Reply::status(200).header("content-type", "text/event-stream").pieces(pieces)
}

/// A streamed call of the tool `answer`, its arguments in these pieces.
fn tool_in_pieces(pieces: &[&str]) -> Reply {
    let delta = |delta: Value| {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]}).to_string()
    };
    let mut events = vec![delta(
        json!({"index": 0, "id": "c", "function": {"name": "answer", "arguments": ""}}),
    )];
    events.extend(
        pieces.iter().map(|piece| delta(json!({"index": 0, "function": {"arguments": piece}}))),
    );
    events.push(
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}).to_string(),
    );
    events.push("[DONE]".to_owned());
    Reply::events(events)
}

/// What a stream tells: the partial values, the times it began anew, and its end.
#[derive(Debug)]
struct Told<Out> {
    partials: Vec<Value>,
    anew: usize,
    end: Result<Out, LlmFunctionError>,
}

async fn listen<Out: serde::de::DeserializeOwned>(mut stream: FunctionStream<Out>) -> Told<Out> {
    let (mut partials, mut anew) = (Vec::new(), 0);
    loop {
        match stream.next().await.expect("an end") {
            Ok(Progress::Partial(value)) => partials.push(value),
            Ok(Progress::Whole(answer)) => {
                assert!(stream.next().await.is_none(), "something behind the end");
                return Told { partials, anew, end: Ok(answer.into_value()) };
            }
            Ok(_) => {
                (partials, anew) = (Vec::new(), anew + 1);
            }
            Err(error) => return Told { partials, anew, end: Err(error) },
        }
    }
}

#[test]
fn partial_values_grow_into_the_whole_in_pieces_of_any_size() {
    let texts = [
        "Here: {\"ite",
        "ms\": [{\"name\": \"e",
        "gg\", \"count\": 2",
        "}], \"note\": \"ü",
        "!\"}",
    ];
    for size in 1..=7 {
        let scene = scene([in_pieces(&texts, size)]);
        let told = scene.clock.block_on(listen(order(&scene).stream(text())));
        let expected = [
            json!({}),
            json!({"items": [{"name": "e"}]}),
            json!({"items": [{"name": "egg"}]}),
            json!({"items": [{"name": "egg", "count": 2}], "note": "ü"}),
            json!({"items": [{"name": "egg", "count": 2}], "note": "ü!"}),
        ];
        assert_eq!(told.partials, expected);
        assert_eq!(told.end.unwrap().note.as_deref(), Some("ü!"));
    }
}

#[test]
fn texts_are_told_as_they_grow() {
    let scene = scene([in_pieces(&["<thi", "nk>hm</think>", "Go", "od ", "day."], 3)]);
    let speak = LlmFunction::<(), String>::new(scene.llm.clone(), "Speak.");
    let told = scene.clock.block_on(listen(speak.stream(())));
    assert_eq!(told.partials, ["Go", "Good", "Good day."]);
    assert_eq!(told.end.unwrap(), "Good day.");
}

#[test]
fn the_arguments_of_the_answer_are_told_like_text() {
    let scene = scene([
        bad_request("response_format is not supported"),
        tool_in_pieces(&["{\"items\": [{\"na", "me\": \"egg\", \"count\":", " 2}]}"]),
    ]);
    let told = scene.clock.block_on(listen(order(&scene).stream(text())));
    let partials = [
        json!({"items": [{}]}),
        json!({"items": [{"name": "egg"}]}),
        json!({"items": [{"name": "egg", "count": 2}]}),
    ];
    assert_eq!(told.partials, partials);
    assert_eq!(told.end.unwrap(), eggs());
}

#[test]
fn a_repair_begins_anew_and_says_so() {
    let scene = scene([in_pieces(&["{\"items\": 3}"], 7), in_pieces(&[EGGS], 7)]);
    let told = scene.clock.block_on(listen(order(&scene).stream(text())));
    assert_eq!((told.anew, told.partials.len()), (1, 1));
    assert_eq!(told.end.unwrap(), eggs());
}

#[test]
fn a_cut_stream_is_an_error_that_tells_what_there_was() {
    let reply = Reply::stream(["{\"items\": [", "{\"name\": \"egg\""]).cut_after(2);
    let scene = scene([reply]);
    let told = scene.clock.block_on(listen(order(&scene).stream(text())));
    let error = told.end.unwrap_err();
    assert_eq!(error.kind(), Kind::Llm);
    assert_eq!(
        error.llm_error().unwrap().partial().unwrap().text,
        "{\"items\": [{\"name\": \"egg\""
    );
    assert_eq!(told.partials.last(), Some(&json!({"items": [{"name": "egg"}]})));
}

#[test]
fn a_dropped_stream_ends_its_request() {
    let scene = scene([Reply::stream(["{\"items\": [", "]}"]).stall_after(1)]);
    let mut stream = order(&scene).stream(text());
    assert!(scene.provider.requests().is_empty(), "nothing is sent before it is read");
    let first = scene.clock.block_on(stream.next()).unwrap().unwrap();
    assert_eq!(first, Progress::Partial(json!({"items": []})));
    assert_eq!(scene.provider.open_requests(), 1);
    drop(stream);
    assert_eq!((scene.provider.open_requests(), scene.llm.key_pool().in_flight()), (0, 0));
}
