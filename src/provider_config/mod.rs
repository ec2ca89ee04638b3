//! `provider.json`: which models there are, with which keys, addresses and limits.

mod api_key;
mod base_url;
mod json_path;
mod json_tree;
mod known_providers;
mod model_settings;
mod nearest_name;
mod number_range;
mod rules;
mod setting;
