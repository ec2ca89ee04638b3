//! `$NAME` in a key or a header: the value of an environment variable.

use crate::core::secret::Secret;

/// Looks up an environment variable.
pub(super) type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The text that a key or header stands for: `$NAME` is the variable's value without the
/// whitespace around it (`export KEY="$(cat file)"` keeps line ends on some systems), `$$…` is `$…`
/// itself, and anything else is itself.
///
/// # Errors
///
/// A variable that is missing or empty, or a `$` that begins no variable's name.
pub(super) fn resolve(text: &str, env: Env<'_>) -> Result<Secret, String> {
    let Some(name) = text.strip_prefix('$') else { return Ok(text.to_owned().into()) };
    if name.starts_with('$') {
        return Ok(name.to_owned().into());
    }
    if !is_variable_name(name) {
        return Err("begins with `$` but names no environment variable: write `$NAME`, without \
                    braces, or `$$…` for a value that begins with `$`"
            .to_owned());
    }
    let found = env(name).map(Secret::from);
    match found.as_ref().map(|value| value.trim_ascii()) {
        Some(value) if !value.is_empty() => Ok(value.to_owned().into()),
        found => {
            let state = if found.is_some() { "empty" } else { "not set" };
            Err(format!("the environment variable {} is {state}", shown(name)))
        }
    }
}

/// Whether the text is resolved from the environment.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with('$') && !text.starts_with("$$")
}

fn is_variable_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// The name for a message. Variables are written in capitals; what is not may well be a key that
/// begins with `$`, and a message must never show a key.
fn shown(name: &str) -> String {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        "it names (`$$…` is a value that begins with `$`)".to_owned()
    } else {
        format!("`{name}`")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "KEY" => Some("sk-1".to_owned()),
            "key_2" => Some("  sk-2\r\n".to_owned()),
            "BLANK" => Some(" \n".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn references_are_resolved() {
        for (text, value) in [
            ("sk-0", "sk-0"),
            ("", ""),
            ("a$KEY", "a$KEY"),
            ("$KEY", "sk-1"),
            ("$key_2", "sk-2"),
            ("$$KEY", "$KEY"),
            ("$$$", "$$"),
        ] {
            assert_eq!(resolve(text, &env).as_deref().ok(), Some(value), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_named_but_for_what_may_be_a_key() {
        for (text, message) in [
            ("$OPENAI_API_KEY", "the environment variable `OPENAI_API_KEY` is not set"),
            ("$BLANK", "the environment variable `BLANK` is empty"),
            ("$ecret", "is not set"),
            ("$", "without braces"),
            ("${KEY}", "without braces"),
            ("$1KEY", "without braces"),
            ("$KEY ", "without braces"),
        ] {
            let error = resolve(text, &env).err().unwrap();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("ecret"), "{error}");
        }
    }
}
