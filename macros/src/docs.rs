//! Doc comments, and the `{argument}`s in them.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Result};

/// The lines of a doc comment, each with its place.
pub struct Docs(Vec<(String, Span)>);

impl Docs {
    pub fn of(attributes: &[Attribute]) -> Self {
        let mut lines = Vec::new();
        for attribute in attributes.iter().filter(|it| it.path().is_ident("doc")) {
            let Meta::NameValue(doc) = &attribute.meta else { continue };
            if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value {
                let span = text.span();
                lines.extend(text.value().split('\n').map(|line| (unindented(line), span)));
            } else {
                lines.push((String::new(), attribute.span())); // `include_str!` and its like
            }
        }
        Self(lines)
    }

    /// The text of the comment.
    pub fn text(&self) -> String {
        let lines: Vec<_> = self.0.iter().map(|(line, _)| line.as_str()).collect();
        lines.join("\n").trim().to_owned()
    }

    /// Complains of the first `{name}` that is none of `names`.
    pub fn check_templates(&self, names: &[String]) -> Result<()> {
        for (line, span) in &self.0 {
            if let Some(unknown) = templates(line).into_iter().find(|it| !names.contains(it)) {
                let known = match names {
                    [] => "there are no arguments".to_owned(),
                    names => format!("there are: {}", names.join(", ")),
                };
                let says = format!(
                    "no argument is called `{unknown}` ({known}); for braces write `{{{{` and `}}}}`"
                );
                return Err(Error::new(*span, says));
            }
        }
        Ok(())
    }
}

/// A line as it is meant: `/// text` begins with a space.
fn unindented(line: &str) -> String {
    line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()
}

/// The names in braces, as lockkeeper reads them when the function is called.
fn templates(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = line;
    while let Some(place) = rest.find(['{', '}']) {
        rest = &rest[place..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            rest = &rest[2..];
            continue;
        }
        if let Some((name, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            && is_name(name)
        {
            names.push(name.to_owned());
        }
        rest = &rest[1..];
    }
    names
}

fn is_name(text: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    !text.is_empty()
        && text.chars().all(is_part)
        && !text.starts_with(|char: char| char.is_numeric())
}
