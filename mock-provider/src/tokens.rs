//! The mock's tokenizer: a word with the space before it, long words in pieces.

/// The longest token in characters.
const LONGEST: usize = 12;

/// Splits text into tokens that make up the text again when joined.
pub(crate) fn tokens(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (token, rest) = text.split_at(first_token(text));
        text = rest;
        (!token.is_empty()).then_some(token)
    })
}

/// How many tokens a text has.
pub(crate) fn count(text: &str) -> usize {
    tokens(text).count()
}

/// The text's first tokens.
pub(crate) fn first(text: &str, tokens_wanted: usize) -> &str {
    let length = tokens(text).take(tokens_wanted).map(str::len).sum();
    &text[..length]
}

fn first_token(text: &str) -> usize {
    let mut in_word = false;
    for (position, (offset, character)) in text.char_indices().enumerate() {
        if position == LONGEST || (in_word && character.is_whitespace()) {
            return offset;
        }
        in_word |= !character.is_whitespace();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_join_to_the_text() {
        for text in ["", " ", "a canal lock", "  two  spaces ", "Donaudampfschifffahrt — äöü\n\nx"]
        {
            assert_eq!(tokens(text).collect::<String>(), text);
        }
        assert_eq!(tokens("a canal lock").collect::<Vec<_>>(), ["a", " canal", " lock"]);
        assert_eq!(first("a canal lock", 2), "a canal");
    }
}
