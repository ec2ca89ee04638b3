//! Asks the question of a row, and notes what the caller saw.

use lockkeeper::{ChatResponse, Error, LlmInterface, OpenAiCompatible, Providers};

use crate::check::Answer;
use crate::row::{Row, Target, Way};
use crate::scripted::question;

/// What the caller saw.
pub struct Asked {
    pub outcomes: Vec<Result<Answer, Error>>,
    /// The LLM tokens of answers that were counted: for the primary, and for the backup.
    pub counted: [u64; 2],
    pub in_flight: u32,
}

impl Asked {
    /// There was not even a client.
    pub fn not_at_all(error: &Error) -> Self {
        Self { outcomes: vec![Err(error.clone())], counted: [0, 0], in_flight: 0 }
    }
}

/// Asks as often as the row wants it.
pub async fn ask(row: &Row, way: Way, providers: &Providers) -> Asked {
    let (model, backup) = (row.model(way), row.backup_model(way));
    let llm = &providers[&model][&model];
    let mut outcomes = Vec::new();
    for _ in 0..row.calls {
        outcomes.push(ask_once(row, way, llm).await.map(|answer| noted(&answer, &backup)));
    }
    let clients = [Some(llm), providers.get(&backup).map(|models| &models[&backup])];
    Asked {
        outcomes,
        counted: clients.map(|llm| llm.map_or(0, OpenAiCompatible::output_token_count)),
        in_flight: clients.into_iter().flatten().map(|llm| llm.key_pool().in_flight()).sum(),
    }
}

async fn ask_once(row: &Row, way: Way, llm: &OpenAiCompatible) -> Result<ChatResponse, Error> {
    match way {
        Way::Chat => llm.chat(question(), row.call_options()).await,
        Way::Stream => llm.chat_stream(question(), row.call_options()).result().await,
    }
}

fn noted(answer: &ChatResponse, backup: &str) -> Answer {
    let is_backup = answer.answered_by.as_ref().is_some_and(|by| by.model == backup);
    Answer {
        text: answer.text().into_owned(),
        by: if is_backup { Target::Backup } else { Target::Primary },
        tokens: answer.usage.as_ref().unwrap().completion_tokens,
    }
}
