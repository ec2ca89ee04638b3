//! `provider.json`: which models there are, with which keys, addresses and limits.
//!
//! Pure: text and a lookup of environment variables go in, [`ModelSettings`] or every problem at
//! once come out. Reading path: [`setting`] is the table of all settings, [`rules`] what each must
//! satisfy, [`provider_file`] and [`read_entry`] the way from JSON to settings, [`schema`] the way
//! from the table to the JSON Schema; the rest are small tools of these.

mod base_url;
mod env_reference;
mod json_path;
mod json_tree;
mod known_providers;
mod model_settings;
mod nearest_name;
mod number_range;
mod provider_file;
mod read_entry;
mod read_keys;
mod rules;
mod schema;
mod setting;
mod setting_doc;

pub(crate) use base_url::BaseUrl;
pub(crate) use known_providers::known_base_url;
pub(crate) use model_settings::{
    DEFAULT_CHAT_TIMEOUT, DEFAULT_FIRST_TOKEN_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_RETRY_DELAY,
};
pub use model_settings::{ModelSettings, RateLimitScope};
pub use provider_file::parse;
pub(crate) use rules::key as check_key;
pub use schema::provider_schema;
