//! Addresses, by the host's `URL`: the standard library's way is some kilobytes of a wasm file.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = URL)]
    type Url;
    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    fn new(url: &str) -> Result<Url, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn hostname(this: &Url) -> String;
}

/// An IPv6 address in its one spelling.
pub fn ipv6_text(text: &str) -> Option<String> {
    // Nothing else that a URL may have is looked for.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
        return None;
    }
    let host = Url::new(&format!("http://[{text}]")).ok()?.hostname();
    Some(host.strip_prefix('[')?.strip_suffix(']')?.to_owned())
}
