//! The demonstration behind `npm start`: a first chat streamed through pool and bucket, then a burst
//! of calls at once with the keys at work on screen.

#![allow(clippy::disallowed_methods, reason = "a demonstration tells how long it took")]

mod arguments;
mod out;
mod table;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use arguments::{Arguments, USAGE};
use futures::StreamExt;
use lockkeeper::{ChatOptions, LlmInterface, Message, OpenAiCompatible};
use mock_provider::{KeySettings, MockProvider, Settings};
use table::{REFRESH, Table, table};

/// Each key of the embedded provider starts so many requests at once, and one more each second.
const KEY_LIMIT: u32 = 3;
const QUESTIONS: [&str; 4] = [
    "Tell me about canal locks.",
    "Explain the token bucket.",
    "Explain the min-heap.",
    "Describe exponential backoff.",
];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return exit_code(out::line(USAGE).map_err(Into::into)),
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    exit_code(demonstrate(arguments).await)
}

fn exit_code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if out::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let (llm, provider) = match &arguments.config {
        Some(config) => (configured(config, arguments.model.as_deref())?, None),
        None => {
            let provider = embedded().await?;
            (client_of(&provider)?, Some(provider))
        }
    };
    introduce(&llm, provider.is_some())?;
    first_chat(&llm, arguments.prompt.as_deref().unwrap_or(QUESTIONS[0])).await?;
    if arguments.burst > 0 {
        burst(&llm, arguments.burst, arguments.prompt.as_deref()).await?;
    }
    conclude(&llm)?;
    if !arguments.once
        && let Some(provider) = provider
    {
        stay_up(&provider).await?;
    }
    Ok(())
}

/// A provider on this machine, with three keys and limits that a burst runs into.
async fn embedded() -> Result<MockProvider, Box<dyn Error>> {
    let keys = ["sk-demo-key-red1", "sk-demo-key-grn2", "sk-demo-key-blu3"];
    let settings = Settings {
        keys: keys.map(|key| KeySettings::limited(key, KEY_LIMIT, 1.0)).into(),
        latency: Duration::from_millis(200),
        token_pace: Duration::from_millis(25),
        ..Settings::default()
    };
    Ok(MockProvider::start(settings).await?)
}

fn client_of(provider: &MockProvider) -> Result<OpenAiCompatible, Box<dyn Error>> {
    let keys: Vec<String> = provider.settings().keys.into_iter().map(|key| key.key).collect();
    let config = serde_json::json!({ "embedded": { "demo": {
        "base_url": provider.base_url(),
        "api_keys": keys,
        "rate_limit_capacity": 10,
        "rate_limit_refill_rate": 4,
    } } });
    let mut providers = OpenAiCompatible::load_from_json_str(&config.to_string())?;
    let demo = providers.get_mut("embedded").and_then(|models| models.remove("demo"));
    Ok(demo.ok_or("the embedded provider has no model")?)
}

/// The chosen model of a `provider.json`, or its only one.
fn configured(
    config: &std::path::Path,
    model: Option<&str>,
) -> Result<OpenAiCompatible, Box<dyn Error>> {
    let providers = OpenAiCompatible::load_from_json_file(config)?;
    let mut clients: Vec<(String, OpenAiCompatible)> = Vec::new();
    for (provider, models) in providers {
        let named = models.into_iter().map(|(name, client)| (format!("{provider}/{name}"), client));
        clients.extend(named);
    }
    let names: Vec<&str> = clients.iter().map(|(name, _)| name.as_str()).collect();
    let place = match model {
        Some(model) => names.iter().position(|name| *name == model),
        None => (names.len() == 1).then_some(0),
    };
    let Some(place) = place else {
        return Err(format!("choose a model with --model: {}", names.join(", ")).into());
    };
    Ok(clients.swap_remove(place).1)
}

fn introduce(llm: &OpenAiCompatible, embedded: bool) -> io::Result<()> {
    let (pool, bucket) = (llm.key_pool(), llm.token_bucket());
    out::line(&format!("Lockkeeper, talking to {} as {}.", pool.base_url(), llm.settings().model))?;
    out::line(&format!("  keys:   {}, least loaded first", pool.statuses().len()))?;
    let (capacity, rate) = (bucket.capacity(), bucket.refill_rate());
    out::line(&format!("  bucket: {capacity} requests at once, {rate} a second in the long run"))?;
    if embedded {
        out::line(&format!(
            "  limits: the embedded provider starts {KEY_LIMIT} at once per key, then 1 a second"
        ))?;
    }
    Ok(())
}

async fn first_chat(llm: &OpenAiCompatible, prompt: &str) -> Result<(), Box<dyn Error>> {
    out::line(&format!("\n> {prompt}\n"))?;
    let mut stream = llm.chat_stream(vec![Message::user(prompt)], ChatOptions::default());
    while let Some(chunk) = stream.next().await {
        out::say(&chunk?.text())?;
    }
    let (usage, key) = (stream.usage(), stream.key_label().unwrap_or_default());
    let label = if usage.estimated { " (estimated)" } else { "" };
    let (sent, received) = (usage.prompt_tokens, usage.completion_tokens);
    out::line(&format!("\n\n  by key {key}, {sent} LLM tokens in, {received} out{label}"))?;
    Ok(())
}

async fn burst(
    llm: &OpenAiCompatible,
    calls: usize,
    prompt: Option<&str>,
) -> Result<(), Box<dyn Error>> {
    out::line(&format!("\n{calls} more at once:\n"))?;
    let started = Instant::now();
    let ask = |number: usize| {
        let question = prompt.unwrap_or(QUESTIONS[number % QUESTIONS.len()]);
        llm.chat_stream(vec![Message::user(question)], ChatOptions::default()).text()
    };
    let mut answers = std::pin::pin!(futures::future::join_all((0..calls).map(ask)));
    let mut on_screen = Table::new();
    let answers = loop {
        tokio::select! {
            answers = &mut answers => break answers,
            () = tokio::time::sleep(REFRESH) => on_screen.draw(llm)?,
        }
    };
    on_screen.draw(llm)?;
    let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let took = started.elapsed().as_secs_f64();
    let answered = answers.len() - failed.len();
    out::line(&format!("\n  {answered} answered, {} failed, in {took:.1} s", failed.len()))?;
    match failed.first() {
        Some(error) => Err((*error).clone().into()),
        None => Ok(()),
    }
}

fn conclude(llm: &OpenAiCompatible) -> io::Result<()> {
    let stats = llm.stats();
    out::line(&format!("\nWhat it did:\n\n{}", table(llm)))?;
    out::line(&format!(
        "  {} calls took {} attempts and {} waits; {} LLM tokens in, {} out",
        stats.calls, stats.attempts, stats.waits, stats.input_tokens, stats.output_tokens
    ))
}

async fn stay_up(provider: &MockProvider) -> Result<(), Box<dyn Error>> {
    let base_url = provider.base_url();
    out::line(&format!("\nThe provider stays up at {base_url} until Ctrl-C. Try it:"))?;
    out::line(&format!(
        "  curl -N {base_url}/chat/completions -H 'authorization: Bearer sk-demo-key-red1' -d \\\n    \
         '{{\"model\":\"demo\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hi\"}}]}}'"
    ))?;
    tokio::signal::ctrl_c().await?;
    out::line("\nGood-bye.")?;
    Ok(())
}
