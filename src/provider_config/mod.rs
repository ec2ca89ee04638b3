//! `provider.json`: which models there are, with which keys, addresses and limits.

mod base_url;
mod known_providers;
mod nearest_name;
