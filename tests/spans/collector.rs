//! A subscriber that keeps the spans of this crate, with what was recorded in them and what happened within.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

/// A span.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub name: &'static str,
    pub parent: Option<u64>,
    pub fields: BTreeMap<&'static str, String>,
    /// What happened within.
    pub events: Vec<String>,
    pub is_closed: bool,
}

impl Seen {
    /// The text of a field, or nothing.
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

/// All spans, by their ids, and what happened in none.
#[derive(Clone, Default)]
pub struct Collector {
    spans: Arc<Mutex<BTreeMap<u64, Seen>>>,
    outside: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    /// Does `work` while the spans are collected.
    pub fn watch<T>(work: impl FnOnce(&Self) -> T) -> (T, Self) {
        let collector = Self::default();
        let subscriber = Registry::default().with(collector.clone());
        let done = tracing::subscriber::with_default(subscriber, || work(&collector));
        (done, collector)
    }

    /// The spans of calls, in the order in which they began.
    pub fn calls(&self) -> Vec<Seen> {
        let spans = self.spans.lock().unwrap();
        spans.values().filter(|span| span.name == "lockkeeper.call").cloned().collect()
    }

    /// What happened in no span.
    pub fn outside(&self) -> Vec<String> {
        self.outside.lock().unwrap().clone()
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        change(self.spans.lock().unwrap().entry(id.into_u64()).or_default());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.current_span().id().map(Id::into_u64);
        self.change(id, |seen| {
            *seen = Seen { name: attributes.metadata().name(), parent, ..Seen::default() };
            attributes.record(&mut Fields(&mut seen.fields));
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |seen| values.record(&mut Fields(&mut seen.fields)));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !event.metadata().target().starts_with("lockkeeper") {
            return;
        }
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let text = fields.remove("message").unwrap_or_default() + &format!(" {fields:?}");
        match context.current_span().id() {
            Some(id) => self.change(id, |seen| seen.events.push(text)),
            None => self.outside.lock().unwrap().push(text),
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.change(&id, |seen| seen.is_closed = true);
    }
}

struct Fields<'f>(&'f mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
