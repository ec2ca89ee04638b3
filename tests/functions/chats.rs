//! Conversations: what each turn takes and gives back.

use futures::StreamExt;
use lockkeeper::{ChatProgress, FunctionTool, LlmChat, LlmChatStream};

use super::*;

async fn texts(turn: &mut LlmChatStream) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(progress) = turn.next().await {
        match progress.unwrap() {
            ChatProgress::Text(piece) => texts.push(piece),
            ChatProgress::Whole(reply) => texts.push(format!("= {}", reply.text)),
            other => texts.push(format!("{other:?}")),
        }
    }
    texts
}

#[test]
fn a_turn_takes_the_history_and_gives_it_back() {
    let scene = scene([Reply::stream(["Hello, ", "Ada."]), Reply::stream(["You are Ada."])]);
    let chat = LlmChat::new(scene.llm.clone(), "You are a host.");
    let first = scene.clock.block_on(chat.send(Vec::new(), "I am Ada.").reply()).unwrap();
    let second = scene.clock.block_on(chat.send(first.history, "Who am I?").reply()).unwrap();
    assert_eq!((second.text.as_str(), second.history.len()), ("You are Ada.", 4));
    let roles: Vec<_> = second.history.iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
    let sent: Vec<_> = said(&bodies(&scene)[1]).into_iter().map(|it| it.1).collect();
    assert_eq!(sent, ["You are a host.", "I am Ada.", "Hello, Ada.", "Who am I?"]);
}

#[test]
fn the_text_comes_in_pieces() {
    let scene = scene([Reply::stream(["Hel", "lo, ", "Ada."])]);
    let mut turn = LlmChat::new(scene.llm.clone(), "Greet.").send(Vec::new(), "I am Ada.");
    assert_eq!(scene.clock.block_on(texts(&mut turn)), ["Hel", "lo,", " Ada.", "= Hello, Ada."]);
}

#[test]
fn tools_are_part_of_the_history() {
    #[derive(Deserialize, JsonSchema)]
    struct Nothing {}
    let call = json!({"index": 0, "id": "c", "function": {"name": "time", "arguments": "{}"}});
    let call = json!({"choices": [{"index": 0, "delta": {"content": "One moment.", "tool_calls": [call]}, "finish_reason": "tool_calls"}]});
    let scene =
        scene([Reply::events([call.to_string(), "[DONE]".to_owned()]), Reply::stream(["Noon."])]);
    let time = FunctionTool::new("time", "The time.", |_: Nothing| async { Ok::<_, String>(12) });
    let chat = LlmChat::new(scene.llm.clone(), "Tell the time.").tool(time);
    let reply = scene.clock.block_on(chat.send(Vec::new(), "When is it?").reply()).unwrap();
    let roles: Vec<_> = reply.history.iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant"]);
    assert_eq!((reply.history[2].text().as_ref(), reply.text.as_str()), ("12", "Noon."));
}

#[test]
fn an_aborted_turn_ends_its_request() {
    let scene = scene([Reply::stream(["Hel", "lo"]).stall_after(1)]);
    let mut turn = LlmChat::new(scene.llm.clone(), "Greet.").send(Vec::new(), "I am Ada.");
    let first = scene.clock.block_on(turn.next()).unwrap().unwrap();
    assert_eq!(first, ChatProgress::Text("Hel".to_owned()));
    turn.abort();
    assert_eq!((scene.provider.open_requests(), scene.llm.key_pool().in_flight()), (0, 0));
    assert!(scene.clock.block_on(turn.next()).is_none());
}
