//! Answers: text, tokens, tools, formats, and what is refused.

use mock_provider::{MockProvider, Settings};
use serde_json::{Value, json};

use crate::client::{Outcome, ask, events, prompt, provider, text_of};

#[tokio::test]
async fn streamed_and_plain_answers_are_the_same() -> Outcome {
    let provider = provider().await?;
    let (status, plain) = ask(&provider, &prompt(false)).await?;
    let mut body = prompt(true);
    body["stream_options"] = json!({"include_usage": true});
    let mut streamed = events(&provider, &body).await?;

    assert_eq!(status, 200);
    assert_eq!(streamed.pop(), Some(json!("[DONE]")));
    let usage = streamed.pop().ok_or("no usage")?;
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], plain["usage"]);
    let text = plain["choices"][0]["message"]["content"].as_str().ok_or("no text")?;
    assert!(text.contains("canal locks"), "{text}");
    assert_eq!(text_of(&streamed), text);
    assert!(streamed.iter().all(|event| event.get("usage") == Some(&Value::Null)));
    assert_eq!(streamed[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(streamed[streamed.len() - 1]["choices"][0]["finish_reason"], "stop");
    Ok(())
}

#[tokio::test]
async fn limits_on_length_hold() -> Outcome {
    let provider = provider().await?;
    let mut body = prompt(false);
    body["max_tokens"] = json!(3);
    let (_, answer) = ask(&provider, &body).await?;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 3);

    let mut body = prompt(false);
    body["stop"] = json!(["."]);
    body["n"] = json!(2);
    let (_, answer) = ask(&provider, &body).await?;
    let texts: Vec<_> =
        (0..2).map(|n| answer["choices"][n]["message"]["content"].as_str()).collect();
    assert!(texts.iter().all(|text| text.is_some_and(|text| !text.contains('.'))));
    assert_ne!(texts[0], texts[1]);
    Ok(())
}

#[tokio::test]
async fn seeds_repeat_the_id() -> Outcome {
    let provider = provider().await?;
    let mut body = prompt(false);
    assert_ne!(ask(&provider, &body).await?.1["id"], ask(&provider, &body).await?.1["id"]);
    body["seed"] = json!(7);
    assert_eq!(ask(&provider, &body).await?.1["id"], ask(&provider, &body).await?.1["id"]);
    Ok(())
}

fn weather(prompt: &str, stream: bool) -> Value {
    json!({
        "model": "mock",
        "stream": stream,
        "messages": [{"role": "user", "content": prompt}],
        "tools": [{"type": "function", "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        }}],
    })
}

#[tokio::test]
async fn tools_are_called_when_named_or_required() -> Outcome {
    let provider = provider().await?;
    let (_, answer) =
        ask(&provider, &weather("Use get_weather for the city of Paris.", false)).await?;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], r#"{"city":"Paris"}"#);

    let mut body = weather("Good morning.", true);
    assert!(!text_of(&events(&provider, &body).await?).is_empty());
    body["tool_choice"] = json!("required");
    let streamed = events(&provider, &body).await?;
    let call = |event: &Value| event["choices"][0]["delta"]["tool_calls"][0]["function"].clone();
    assert_eq!(call(&streamed[1])["name"], "get_weather");
    let arguments: String = streamed
        .iter()
        .filter_map(|event| call(event)["arguments"].as_str().map(str::to_owned))
        .collect();
    assert!(serde_json::from_str::<Value>(&arguments)?["city"].is_string());
    Ok(())
}

#[tokio::test]
async fn tool_results_are_answered_with_text() -> Outcome {
    let provider = provider().await?;
    let mut body = weather("Call get_weather.", false);
    let (_, answer) = ask(&provider, &body).await?;
    let messages = body["messages"].as_array_mut().ok_or("no messages")?;
    messages.push(answer["choices"][0]["message"].clone());
    messages.push(json!({"role": "tool", "tool_call_id": "x", "content": "18 degrees"}));
    let (_, answer) = ask(&provider, &body).await?;
    let text = answer["choices"][0]["message"]["content"].as_str().ok_or("no text")?;
    assert!(text.contains("18 degrees"), "{text}");
    Ok(())
}

#[tokio::test]
async fn formats_are_kept() -> Outcome {
    let provider = provider().await?;
    let mut body = prompt(false);
    let schema =
        json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    body["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let (_, answer) = ask(&provider, &body).await?;
    assert_eq!(answer["choices"][0]["message"]["content"], r#"{"ok":true}"#);
    body["response_format"] = json!({"type": "json_object"});
    let (_, answer) = ask(&provider, &body).await?;
    let text = answer["choices"][0]["message"]["content"].as_str().ok_or("no text")?;
    assert!(serde_json::from_str::<Value>(text)?.is_object());
    Ok(())
}

#[tokio::test]
async fn images_and_prefixed_paths_are_accepted() -> Outcome {
    let provider = provider().await?;
    let parts = json!([
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]);
    let body = json!({"model": "mock", "messages": [{"role": "user", "content": parts}]});
    let url = format!("{}/openai/deployments/x/chat/completions?v=1", provider.origin());
    let response = reqwest::Client::new()
        .post(url)
        .header("api-key", "sk-azure-wxyz")
        .json(&body)
        .send()
        .await?;
    assert_eq!(response.status(), 200);
    let record = &provider.log()[0];
    assert_eq!(record.key_label, "…wxyz");
    assert_eq!(record.headers["api-key"], "…wxyz");
    Ok(())
}

#[tokio::test]
async fn bad_requests_are_refused_as_openai_does() -> Outcome {
    let settings =
        Settings { models: vec!["mock".into()], context_window: Some(20), ..Settings::default() };
    let provider = MockProvider::start(settings).await?;
    let user = |text: &str| json!([{"role": "user", "content": text}]);
    let long = user(&"word ".repeat(100));
    for (body, status, code) in [
        (json!("not an object"), 400, Value::Null),
        (json!({"model": "mock"}), 400, Value::Null),
        (json!({"model": "mock", "messages": []}), 400, Value::Null),
        (json!({"model": "mock", "messages": user("x"), "n": 0}), 400, Value::Null),
        (json!({"model": "other", "messages": user("x")}), 404, json!("model_not_found")),
        (json!({"model": "fault-typo", "messages": user("x")}), 404, json!("model_not_found")),
        (json!({"model": "mock", "messages": long}), 400, json!("context_length_exceeded")),
    ] {
        let (got, answer) = ask(&provider, &body).await?;
        assert_eq!((got, &answer["error"]["code"]), (status, &code), "{body}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
    }
    Ok(())
}
