//! Addresses, by the host's `URL`: the standard library's way is some kilobytes of a wasm file.

use js_sys::{Array, Reflect};

use super::global_function;

/// An IPv6 address in its one spelling.
pub fn ipv6_text(text: &str) -> Option<String> {
    // Nothing else that a URL may have is looked for.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
        return None;
    }
    let url = Array::of1(&format!("http://[{text}]").into());
    let url = Reflect::construct(&global_function("URL")?, &url).ok()?;
    let host = Reflect::get(&url, &"hostname".into()).ok()?.as_string()?;
    Some(host.strip_prefix('[')?.strip_suffix(']')?.to_owned())
}
