//! "Did you mean …?": the known name that is nearest to a misspelt one.

/// The candidate nearest to `name`, where one is near enough to be meant.
///
/// Case and separators do not count, so `baseURL` finds `base_url`.
pub(super) fn nearest_name<'a>(
    name: &str,
    candidates: &mut dyn Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = bare(name);
    let mut nearest = None;
    let mut least = usize::MAX;
    for candidate in candidates {
        let letters = bare(candidate);
        let distance = edit_distance(&wanted, &letters);
        // A third of the letters may differ; beyond that the guess would puzzle more than help.
        if distance < least && distance <= wanted.len().max(letters.len()) / 3 {
            (nearest, least) = (Some(candidate), distance);
        }
    }
    nearest
}

/// The letters of a name, without case and separators, so that spellings compare equal. Every known
/// name is ASCII; what is not stays as it is, as Unicode's tables would weigh more than the rest.
pub(super) fn bare(name: &str) -> Vec<u8> {
    let mut letters = name.to_ascii_lowercase().into_bytes();
    letters.retain(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    letters
}

/// Levenshtein's distance: the fewest insertions, deletions and replacements between two words.
fn edit_distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["api_keys", "base_url", "max_retries", "timeout"];
        for (name, meant) in [
            ("base_ulr", Some("base_url")),
            ("baseURL", Some("base_url")),
            ("api-key", Some("api_keys")),
            ("max_retry", Some("max_retries")),
            ("temperature", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest_name(name, &mut known.into_iter()), meant, "{name}");
        }
    }
}
