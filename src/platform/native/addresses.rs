//! Addresses, by the standard library.

use std::net::Ipv6Addr;

/// An IPv6 address in its one spelling.
pub fn ipv6_text(text: &str) -> Option<String> {
    Some(text.parse::<Ipv6Addr>().ok()?.to_string())
}
