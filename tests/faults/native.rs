//! The rows over real sockets, against the mock provider.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt;
use lockkeeper::{ConfigLoader, LlmInterface};
use mock_provider::{Finished, MockProvider, RequestRecord, Settings};
use tokio::time::timeout;

use crate::ask::{Asked, ask};
use crate::check::{Request, Seen, Slack, complaints};
use crate::live::at_home;
use crate::row::{Row, Way, key_number, table};
use crate::scripted::{BOTH, question};

/// So many rows run at once: more would be late for want of processors.
const AT_ONCE: usize = 8;

/// Longer than any row takes.
const HUNG: Duration = Duration::from_secs(30);

const HOST: &str = "native";

const SLACK: Slack = Slack { late: 5.0, early: 0.005, lag: 0.15 };

/// Runs all rows, and gives back every complaint.
pub fn run() -> Vec<String> {
    at_home(async {
        let provider = Arc::new(MockProvider::start(Settings::default()).await.unwrap());
        let whole = whole(&provider).await;
        let rows = table().into_iter().flat_map(|theme| theme.rows).map(Arc::new);
        let runs = rows.flat_map(|row| BOTH.map(|way| (row.clone(), way)));
        let runs = runs.filter(|(row, way)| row.expected(*way, HOST).is_some());
        let tasks = runs.map(|(row, way)| {
            let (provider, whole) = (provider.clone(), whole.clone());
            async move { tokio::spawn(run_row(row, way, provider, whole)).await.unwrap() }
        });
        let complaints: Vec<_> =
            futures::stream::iter(tasks).buffer_unordered(AT_ONCE).collect().await;
        complaints.concat()
    })
}

/// What the provider answers when all is well.
async fn whole(provider: &MockProvider) -> String {
    let url = provider.base_url();
    let config = format!(r#"{{"well": {{"well": {{"api_keys": [], "base_url": "{url}"}}}}}}"#);
    let llm = &ConfigLoader::new().load_str(&config).unwrap()["well"]["well"];
    llm.chat(question(), Default::default()).await.unwrap().text().into_owned()
}

async fn run_row(
    row: Arc<Row>,
    way: Way,
    provider: Arc<MockProvider>,
    whole: String,
) -> Vec<String> {
    let expect = row.expected(way, HOST).unwrap();
    let elsewhere = format!("http://localhost:{}", provider.address().port());
    row.scripts(way, &elsewhere).into_iter().for_each(|script| provider.script_for(script));
    let model = row.model(way);
    #[allow(clippy::disallowed_methods)] // the time that a user waits
    let began = Instant::now();
    let loaded = ConfigLoader::new().load_str(&row.config(way, &provider.base_url()));
    let asked = match &loaded {
        Err(error) => Asked::not_at_all(error),
        Ok(providers) => match timeout(HUNG, ask(&row, way, providers)).await {
            Ok(asked) => asked,
            Err(_) => return vec![format!("{model}: hangs")],
        },
    };
    let took = began.elapsed().as_secs_f64();
    #[allow(clippy::disallowed_methods)] // so does `retry_at`
    let now = SystemTime::now();
    let requests = requests_for(&provider, &model).await;
    let backup = requests_for(&provider, &row.backup_model(way)).await.len();
    let Asked { outcomes, counted, in_flight } = asked;
    let seen = Seen { outcomes, whole, took, now, requests, backup, counted, in_flight };
    let complaints = complaints(&expect, &seen, &SLACK);
    complaints.into_iter().map(|complaint| format!("{model}: {complaint}")).collect()
}

/// The requests for a model, once the provider has done with the last of them.
async fn requests_for(provider: &MockProvider, model: &str) -> Vec<Request> {
    let of_model = |record: &RequestRecord| record.model.as_deref() == Some(model);
    let last = provider.log().into_iter().rfind(of_model);
    if let Some(last) = last {
        timeout(HUNG, provider.wait_for_close(last.index)).await.unwrap();
    }
    let request = |record: RequestRecord| Request {
        at: record.started.as_secs_f64(),
        key: key_number(&record.key_label),
        hung_up: Some(record.finished == Finished::ClientClosed),
    };
    provider.log().into_iter().filter(of_model).map(request).collect()
}
