//! What goes over the wire: URL, headers and body, and what is refused before it does.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use lockkeeper::testing::Reply;
use lockkeeper::{
    ChatOptions, ContentPart, ErrorKind, LlmInterface, Message, ModelSettings, OpenAiCompatible,
    Tool, ToolCall, ToolChoice,
};
use scripted::{BASE_URL, BOTH, Scene, Way, key, question, seconds, settings};
use serde_json::{Value, json};

/// The body of the request that these messages and options make.
fn body(way: Way, messages: Vec<Message>, options: ChatOptions) -> Value {
    let scene = Scene::by(settings(1), move |_| way.answer("yes"));
    scene.clock.block_on(async {
        match way {
            Way::Chat => scene.llm.chat(messages, options).await.map(|_| ()),
            Way::Stream => scene.llm.chat_stream(messages, options).result().await.map(|_| ()),
        }
        .unwrap();
    });
    scene.provider.requests()[0].json()
}

#[test]
fn a_plain_question() {
    let messages = json!([{"role": "user", "content": "Which way to the lock?"}]);
    assert_eq!(
        body(Way::Chat, question(), ChatOptions::default()),
        json!({"model": "model-a", "messages": messages})
    );
    assert_eq!(
        body(Way::Stream, question(), ChatOptions::default()),
        json!({"model": "model-a", "messages": messages, "stream": true,
            "stream_options": {"include_usage": true}})
    );
}

#[test]
fn every_option_and_every_extra_field() {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let extra = json!({"deep": [1, {"seed": 18_446_744_073_709_551_615_u64}], "nothing": null});
    let options = ChatOptions::default()
        .model("model-b")
        .temperature(0.2)
        .top_p(0.9)
        .max_tokens(5)
        .max_completion_tokens(7)
        .stop(["a", "b"])
        .seed(-3)
        .n(2)
        .tool(Tool::function("weather", "The weather", parameters.clone()))
        .tool_choice(ToolChoice::Function("weather".into()))
        .json_object()
        .timeout(seconds(9.0))
        .idle_timeout(seconds(9.0))
        .max_retries(1)
        .extra("safe_prompt", true)
        .extra("provider", extra.clone());
    let mut expected = json!({
        "model": "model-b", "temperature": 0.2, "top_p": 0.9, "max_tokens": 5,
        "max_completion_tokens": 7, "stop": ["a", "b"], "seed": -3, "n": 2,
        "tools": [{"type": "function", "function":
            {"name": "weather", "description": "The weather", "parameters": parameters}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_object"}, "safe_prompt": true, "provider": extra,
        "messages": [{"role": "user", "content": "Which way to the lock?"}],
    });
    assert_eq!(body(Way::Chat, question(), options.clone()), expected);
    expected["stream"] = json!(true);
    expected["stream_options"] = json!({"include_usage": true});
    assert_eq!(body(Way::Stream, question(), options), expected);
    let own = json!({"include_usage": false});
    let options = ChatOptions::default().extra("stream_options", own.clone());
    assert_eq!(body(Way::Stream, question(), options)["stream_options"], own);
}

#[test]
fn images_tool_calls_and_their_results() {
    let call = json!({"id": "c1", "type": "function", "extra_content": {"google": {"sig": "x"}},
        "function": {"name": "weather", "arguments": "{\"city\":\"Delft\"}"}});
    let said: Message = serde_json::from_value(
        json!({"role": "assistant", "content": null, "tool_calls": [call.clone()]}),
    )
    .unwrap();
    let messages = vec![
        Message::system("Be brief."),
        Message::user_parts([
            ContentPart::text("What is this?"),
            ContentPart::image_url("data:image/png;base64,AAAA"),
        ]),
        said,
        Message::tool("c1", "rain"),
    ];
    let mut sent = body(Way::Chat, messages, ChatOptions::default())["messages"].take();
    if sent[2]["content"].is_null() {
        sent[2].as_object_mut().unwrap().remove("content"); // absent and null mean the same
    }
    assert_eq!(
        sent,
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        ])
    );
    let call = ToolCall::function("c1", "weather", "{}");
    let mut said = Message::assistant("");
    (said.content, said.tool_calls) = (None, vec![call]);
    let sent = body(Way::Chat, vec![said], ChatOptions::default())["messages"][0].take();
    assert_eq!(sent["tool_calls"][0]["function"], json!({"name": "weather", "arguments": "{}"}));
}

#[test]
fn an_answer_keeps_what_the_library_does_not_know() {
    let answer = json!({
        "id": "a", "object": "chat.completion", "citations": ["u"], "seed": 18_446_744_073_709_551_615_u64,
        "choices": [{"index": 0, "token_id": 7, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "channel": "final", "tool_calls": [{"id": "c", "type": "function",
                "extra_content": {"sig": "x"}, "function": {"name": "f", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5},
    });
    // DeepSeek sends blank lines before it, as keep-alive.
    let scene = Scene::new(1, [Reply::status(200).body(format!("\n\n\n{answer}"))]);
    let response =
        scene.clock.block_on(scene.llm.chat(question(), ChatOptions::default())).unwrap();
    assert_eq!(serde_json::to_value(&response).unwrap(), answer);
    assert_eq!(response.tool_calls()[0].extra["extra_content"], json!({"sig": "x"}));
}

#[test]
fn a_stream_option_that_contradicts_the_method_is_an_error() {
    for way in BOTH {
        let agrees = way == Way::Stream;
        let ask = |options| {
            let scene = Scene::by(settings(1), move |_| way.answer("yes"));
            let outcome = scene.ask_with(way, options);
            (outcome, scene.provider.requests().len())
        };
        for options in [
            ChatOptions::default().stream(!agrees),
            ChatOptions::default().extra("stream", !agrees),
            ChatOptions::default().extra("stream", "yes"),
        ] {
            let (outcome, sent) = ask(options);
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.kind(), error.problems()[0].path.as_str()),
                (ErrorKind::Config, "stream")
            );
            assert_eq!(sent, 0);
        }
        assert_eq!(ask(ChatOptions::default().stream(agrees)), (Ok("yes".to_owned()), 1));
        assert_eq!(ask(ChatOptions::default().extra("stream", agrees)), (Ok("yes".to_owned()), 1));
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_every_problem() {
    let scene = Scene::by(settings(1), |_| Reply::answer("no"));
    let options =
        ChatOptions::default().temperature(f64::NAN).timeout(seconds(0.0)).extra("model", "x");
    let error = scene.ask_with(Way::Chat, options).unwrap_err();
    let paths: Vec<_> = error.problems().iter().map(|problem| &*problem.path).collect();
    assert_eq!(paths, ["temperature", "timeout", "model"]);
    let nothing = scene.llm.chat(Vec::new(), ChatOptions::default());
    assert_eq!(scene.clock.block_on(nothing).unwrap_err().kind(), ErrorKind::Config);
    assert!(scene.provider.requests().is_empty());
    assert_eq!((scene.llm.stats().failed, scene.llm.token_bucket().tokens()), (2, 1e6));
}

#[test]
fn the_url_the_headers_and_the_key() {
    let scene = Scene::new(1, [Reply::answer("yes"), Reply::stream(["yes"])]);
    assert!(BOTH.into_iter().all(|way| scene.ask(way).is_ok()));
    let sent = scene.provider.requests();
    for (request, accept) in sent.iter().zip(["application/json", "text/event-stream"]) {
        let request = &request.request;
        assert_eq!(*request.url, *format!("{BASE_URL}/chat/completions"));
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {}", key(1))));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("accept"), Some(accept));
    }

    let mut azure = settings(1);
    azure.base_url = "https://me.openai.azure.test/openai/deployments/gpt/".to_owned();
    azure.auth_header = Some("api-key".to_owned());
    azure.query = vec![("api-version".into(), "2024-10-21".into()), ("a b".into(), "c&d".into())];
    azure.headers = vec![("X-Gateway".into(), "g 1".into())];
    let scene = Scene::with(azure, [Reply::answer("yes")]);
    scene.ask(Way::Chat).unwrap();
    let request = &scene.provider.requests()[0].request;
    assert_eq!(
        &*request.url,
        "https://me.openai.azure.test/openai/deployments/gpt/chat/completions?api-version=2024-10-21&a%20b=c%26d"
    );
    assert_eq!(
        (request.header("api-key"), request.header("authorization")),
        (Some(&*key(1)), None)
    );
    assert_eq!(request.header("x-gateway"), Some("g 1"));
}

#[test]
fn a_server_without_keys_gets_no_auth_header() {
    let mut local = ModelSettings::new("ollama", "llama", Vec::<String>::new());
    local.base_url = "http://127.0.0.1:11434/v1".to_owned();
    let scene = Scene::with(local, [Reply::answer("yes")]);
    scene.ask(Way::Chat).unwrap();
    assert_eq!(scene.provider.requests()[0].request.header("authorization"), None);
    let mut remote = settings(0);
    remote.base_url = "https://api.scripted.test/v1".to_owned();
    assert_eq!(OpenAiCompatible::new(remote).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn keys_travel_over_plain_http_only_on_this_machine_or_by_permission() {
    let build = |base_url: &str, allow_http| {
        let mut settings = settings(1);
        (settings.base_url, settings.allow_http) = (base_url.to_owned(), allow_http);
        let scripted = lockkeeper::testing::VirtualClock::new();
        let provider = lockkeeper::testing::ScriptedTransport::replies(&scripted, []);
        let builder = OpenAiCompatible::builder(settings).runtime(scripted.runtime());
        builder.transport(std::sync::Arc::new(provider)).build()
    };
    for loopback in ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:1/v1"] {
        assert!(build(loopback, false).is_ok(), "{loopback}");
    }
    for remote in
        ["http://192.168.0.1/v1", "http://api.openai.com/v1", "http://localhost.evil.test"]
    {
        let error = build(remote, false).unwrap_err();
        assert!(error.message().contains("allow_http"), "{error}");
        assert!(build(remote, true).is_ok(), "{remote}");
    }
}
