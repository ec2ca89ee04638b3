//! Keys and their limits.

use std::time::Duration;

use mock_provider::{KeySettings, MockProvider, Settings};
use serde_json::Value;

use crate::client::{Outcome, post, prompt};

async fn limited() -> Outcome<MockProvider> {
    let keys = vec![
        KeySettings::limited("sk-limited-0001", 2, 0.5),
        KeySettings::unlimited("sk-free-0002"),
    ];
    Ok(MockProvider::start(Settings { keys, ..Settings::default() }).await?)
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

#[tokio::test]
async fn a_full_bucket_is_a_429_that_says_when() -> Outcome {
    let provider = limited().await?;
    for remaining in ["1", "0"] {
        let response = post(&provider, "sk-limited-0001", &prompt(false)).await?;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(header(&response, "x-ratelimit-remaining-requests"), Some(remaining));
    }
    let response = post(&provider, "sk-limited-0001", &prompt(false)).await?;
    assert_eq!(response.status(), 429);
    assert_eq!(header(&response, "retry-after"), Some("2"));
    let millis: u64 = header(&response, "retry-after-ms").ok_or("no retry-after-ms")?.parse()?;
    assert!((1..=2000).contains(&millis));
    assert!(header(&response, "x-ratelimit-reset-requests").is_some_and(|v| v.ends_with('s')));
    assert!(header(&response, "x-request-id").is_some());
    let body: Value = response.json().await?;
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");

    let response = post(&provider, "sk-free-0002", &prompt(false)).await?;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-ratelimit-limit-requests"), None);
    let labels: Vec<_> = provider.log().into_iter().map(|r| (r.key_label, r.key_index)).collect();
    assert_eq!(labels[0], ("…0001".into(), Some(0)));
    assert_eq!(labels[3], ("…0002".into(), Some(1)));
    Ok(())
}

#[tokio::test]
async fn waiting_as_told_is_enough() -> Outcome {
    let keys = vec![KeySettings::limited("sk-quick-0001", 1, 4.0)];
    let provider = MockProvider::start(Settings { keys, ..Settings::default() }).await?;
    let mut refused = 0;
    // A busy machine may be slower than the limit for a while, but not for ever.
    while refused < 3 {
        let response = post(&provider, "sk-quick-0001", &prompt(false)).await?;
        if response.status() == 429 {
            refused += 1;
            let millis = header(&response, "retry-after-ms").ok_or("no retry-after-ms")?.parse()?;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            let response = post(&provider, "sk-quick-0001", &prompt(false)).await?;
            assert_eq!(response.status(), 200);
        }
    }
    Ok(())
}

#[tokio::test]
async fn unknown_keys_are_refused() -> Outcome {
    let provider = limited().await?;
    let response = post(&provider, "sk-wrong-9999", &prompt(false)).await?;
    assert_eq!(response.status(), 401);
    let body: Value = response.json().await?;
    assert_eq!(body["error"]["code"], "invalid_api_key");
    assert!(!body.to_string().contains("sk-wrong-9999"));
    let models = reqwest::get(format!("{}/models", provider.base_url())).await?;
    assert_eq!(models.status(), 401);
    Ok(())
}

#[tokio::test]
async fn limits_change_live_and_retry_after_may_be_a_date() -> Outcome {
    let provider = limited().await?;
    provider.change_settings(|settings| {
        settings.keys[0].capacity = 1;
        settings.keys[0].refill_rate = 0.0;
        settings.retry_after_as_date = true;
        settings.send_ratelimit_headers = false;
    });
    assert_eq!(post(&provider, "sk-limited-0001", &prompt(false)).await?.status(), 200);
    let response = post(&provider, "sk-limited-0001", &prompt(false)).await?;
    assert_eq!(response.status(), 429);
    assert!(header(&response, "retry-after").is_some_and(|date| date.ends_with("GMT")));
    assert_eq!(header(&response, "retry-after-ms"), None);
    assert_eq!(header(&response, "x-ratelimit-limit-requests"), None);
    Ok(())
}
