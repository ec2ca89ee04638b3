//! Reads Prometheus' text format 0.0.4 as strictly as its documentation has it: what is not allowed there
//! panics.

use std::collections::{BTreeMap, BTreeSet};

/// A text that has been read.
#[derive(Debug, Default)]
pub struct Exposition {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<(String, String), f64>,
}

impl Exposition {
    /// Reads a whole text.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        let mut families = Families::default();
        assert!(text.ends_with('\n'), "the last line must end");
        for line in text.lines() {
            match line.strip_prefix("# ") {
                Some(head) => read.head(head, &mut families),
                None => read.sample(line, &families),
            }
        }
        read
    }

    /// The value of a sample.
    pub fn value(&self, name: &str, labels: &str) -> f64 {
        let found = self.samples.get(&(name.to_owned(), labels.to_owned()));
        *found.unwrap_or_else(|| panic!("no {name}{{{labels}}} in {:#?}", self.samples))
    }

    /// A metric's kind.
    pub fn kind(&self, name: &str) -> &str {
        &self.kinds[name]
    }

    /// The names of all metrics.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    fn head(&mut self, head: &str, families: &mut Families) {
        let (word, rest) = head.split_once(' ').expect(head);
        let (name, text) = rest.split_once(' ').expect(head);
        assert!(is_name(name, ":"), "{name}");
        match word {
            "HELP" => {
                assert!(families.helped.insert(name.to_owned()), "two HELP lines of {name}");
                assert!(!text.is_empty());
            }
            "TYPE" => {
                assert!(families.helped.contains(name), "HELP of {name} comes first");
                assert!(matches!(text, "counter" | "gauge" | "summary"), "{text}");
                assert_eq!(text == "counter", name.ends_with("_total"), "{name} is a {text}");
                let before = self.kinds.insert(name.to_owned(), text.to_owned());
                assert!(before.is_none(), "two TYPE lines of {name}");
                families.current = name.to_owned();
            }
            _ => panic!("# {head}"),
        }
    }

    fn sample(&mut self, line: &str, families: &Families) {
        let (name, rest) = line.split_once('{').expect(line);
        let end = end_of_labels(rest);
        let (labels, value) = (&rest[..end], &rest[end..]);
        let value: f64 = value.strip_prefix("} ").expect(line).parse().expect(line);
        let family = &families.current;
        let is_part = name.strip_prefix(family.as_str()).is_some_and(|suffix| match suffix {
            "" => true,
            "_sum" | "_count" => self.kinds[family] == "summary",
            _ => false,
        });
        assert!(is_part, "{name} stands among the samples of {family}");
        let names = label_names(labels);
        let has_quantile = names.contains(&"quantile");
        assert_eq!(has_quantile, self.kinds[family] == "summary" && name == family, "{line}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{line}");
        assert!(self.kinds[family] == "gauge" || value >= 0.0, "{line}");
        let known = self.samples.insert((name.to_owned(), labels.to_owned()), value);
        assert!(known.is_none(), "twice: {line}");
    }
}

/// What has been met of the metrics so far.
#[derive(Default)]
struct Families {
    helped: BTreeSet<String>,
    current: String,
}

fn is_name(name: &str, more: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Where the bracket stands that is in no quotes.
fn end_of_labels(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                assert!(matches!(c, '\\' | '"' | 'n'), "no such escape: \\{c}");
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return at,
            _ => {}
        }
    }
    panic!("no end in {text}")
}

/// The names of labels such as `a="1",b="2"`.
fn label_names(labels: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect(labels);
        assert!(is_name(name, ""), "{name}");
        names.push(name);
        let escapes =
            |at: usize| value[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        let ends = value.match_indices('"').map(|(at, _)| at).find(|&at| escapes(at) % 2 == 0);
        rest = &value[ends.expect(labels) + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    names
}
