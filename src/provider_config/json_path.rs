//! JSON paths for people: `openai.gpt-4.api_keys[0]`, and `openai["gpt.4"]` where a name would
//! read as something else.

use crate::core::json::quoted;

/// The path of the member `name` under `base`.
pub(super) fn member(base: &str, name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$');
    if name.is_empty() || !name.bytes().all(plain) {
        return format!("{base}[{}]", quoted(name));
    }
    if base.is_empty() { name.to_owned() } else { format!("{base}.{name}") }
}

/// The path of the element `index` under `base`.
pub(super) fn element(base: &str, index: usize) -> String {
    format!("{base}[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_quoted() {
        for (name, path) in [
            ("gpt-4", "openai.gpt-4"),
            ("gpt.4", r#"openai["gpt.4"]"#),
            ("a \"b\"\n", r#"openai["a \"b\"\n"]"#),
            ("", r#"openai[""]"#),
        ] {
            assert_eq!(member("openai", name), path);
        }
        assert_eq!(member("", "openai"), "openai");
        assert_eq!(member("", "my.llm"), r#"["my.llm"]"#);
        assert_eq!(element("openai.gpt-4.api_keys", 0), "openai.gpt-4.api_keys[0]");
    }
}
