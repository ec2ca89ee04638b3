//! The tables of `docs/configuration.md` are made from the schema and from the table of known providers.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use lockkeeper::provider_schema;
use serde_json::Value;

/// Every setting, by what it is about, in the order in which people look for it.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "whom-to-ask",
        &["api_keys", "base_url", "model", "auth_header", "headers", "query", "allow_http"],
    ),
    (
        "how-fast",
        &[
            "rate_limit_capacity",
            "rate_limit_refill_rate",
            "rate_limit_tokens_per_minute",
            "rate_limit_scope",
            "max_concurrency",
            "max_concurrency_per_key",
        ],
    ),
    ("trying-again", &["max_retries", "retry_delay", "fallbacks", "context_window"]),
    ("clocks", &["timeout", "headers_timeout", "first_token_timeout", "idle_timeout"]),
    ("streams", &["max_event_bytes", "skip_undecodable_events"]),
];

#[test]
fn the_checked_in_page_is_current() {
    let schema = provider_schema();
    let mut page = std::fs::read_to_string(path("docs/configuration.md")).unwrap_or_default();
    let checked_in = page.clone();
    for (name, settings) in GROUPS {
        page = with_part(&page, name, &settings_table(&schema, settings));
    }
    page = with_part(&page, "known-providers", &providers_table());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path("docs/configuration.md"), &page).expect("the page can be written");
        return;
    }
    assert!(
        page == checked_in,
        "docs/configuration.md is stale: run \
         `UPDATE_SCHEMA=1 cargo test --test configuration_doc` and commit it"
    );
}

#[test]
fn every_setting_stands_in_one_group() {
    let schema = provider_schema();
    let properties = schema["$defs"]["settings"]["properties"].as_object();
    let mut wanted: Vec<_> = properties.expect("it has properties").keys().collect();
    let mut found: Vec<_> = GROUPS.iter().flat_map(|(_, settings)| *settings).collect();
    wanted.sort();
    found.sort();
    assert!(found.iter().map(|name| **name).eq(wanted), "GROUPS: {found:?}");
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The page with something else between the two comments of that name.
fn with_part(page: &str, name: &str, table: &str) -> String {
    let [begin, end] = ["begin", "end"].map(|word| format!("<!-- {name}: {word} -->\n"));
    let missing = format!("docs/configuration.md has no part {name}");
    let (before, rest) = page.split_once(&begin).expect(&missing);
    let (_, after) = rest.split_once(&end).expect(&missing);
    format!("{before}{begin}\n{table}\n{end}{after}")
}

fn settings_table(schema: &Value, settings: &[&str]) -> String {
    let mut table = "| setting | value | default | |\n|---|---|---|---|\n".to_owned();
    for name in settings {
        let setting = &schema["$defs"][name];
        let description = setting["description"].as_str().expect("it is described");
        let (meaning, default) = description.split_once(" Default: ").unwrap_or((description, ""));
        let default = match default.trim_end_matches('.') {
            "" if *name == "api_keys" => "must be there",
            "" if *name == "base_url" => "by the provider's name",
            "" => "none",
            default => default,
        };
        writeln!(table, "| `{name}` | {} | {default} | {meaning} |", value(setting))
            .expect("a string takes it");
    }
    table
}

/// What a value may be, in words.
fn value(setting: &Value) -> String {
    if let Some(texts) = setting["enum"].as_array() {
        let texts: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
        return texts.join(" or ");
    }
    let kind = setting["type"].as_str().expect("it has a type");
    let number = match kind {
        "string" => return "text".to_owned(),
        "boolean" => return "`true` or `false`".to_owned(),
        "array" if setting["items"]["anyOf"].is_array() => {
            return "list of texts, or of lists of texts".to_owned();
        }
        "array" => return "list of texts".to_owned(),
        "object" => return "object".to_owned(),
        "integer" => "whole number",
        _ => "number",
    };
    let bounds = [("exclusiveMinimum", "above"), ("minimum", "at least"), ("maximum", "at most")];
    let bounds: Vec<_> = bounds
        .iter()
        .filter_map(|(keyword, word)| {
            Some(format!("{word} {}", grouped(setting[keyword].as_u64()?)))
        })
        .collect();
    format!("{number}, {}", bounds.join(", "))
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    if number < 1000 {
        return number.to_string();
    }
    format!("{},{:03}", grouped(number / 1000), number % 1000)
}

/// The rows of the table in the library's source, which is private.
fn providers_table() -> String {
    let source = std::fs::read_to_string(path("src/provider_config/known_providers.rs"));
    let source = source.expect("the source is there");
    let mut table = "| name | `base_url` |\n|---|---|\n".to_owned();
    let rows = source.lines().filter_map(|line| line.strip_prefix("    row(\""));
    for row in rows {
        let [names, base_url, page] =
            row.split("\", \"").collect::<Vec<_>>()[..].try_into().expect("three texts");
        let names: Vec<_> = names.split(' ').map(|name| format!("`{name}`")).collect();
        let page = page.trim_end_matches(['"', ')', ',']);
        writeln!(table, "| {} | [`{base_url}`]({page}) |", names.join(", "))
            .expect("a string takes it");
    }
    let rows = source.matches("row(\"").count();
    assert_eq!(table.lines().count(), 2 + rows, "one row for each");
    table
}
