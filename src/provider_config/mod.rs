//! `provider.json`: which models there are, with which keys, addresses and limits.

mod base_url;
mod json_path;
mod json_tree;
mod known_providers;
mod nearest_name;
