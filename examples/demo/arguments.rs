//! What may be said behind `npm start --`.

use std::path::PathBuf;

/// How to call the demonstration.
pub const USAGE: &str = "\
usage: npm start -- [options] [prompt]

  --once             end after the demonstration (default: stay up until Ctrl-C)
  --config FILE      talk to a real service from this provider.json
  --model P/NAME     which of its models, such as openai/gpt-4 (default: the only one)
  --burst N          how many calls to fire at once (default: 12; 0 for none)
  --help             show this

Without --config an embedded provider is started on this machine.";

/// What was said.
#[derive(Debug, PartialEq)]
pub struct Arguments {
    /// End after the demonstration.
    pub once: bool,
    /// A real service's configuration.
    pub config: Option<PathBuf>,
    /// `provider/name`.
    pub model: Option<String>,
    /// Calls at once.
    pub burst: usize,
    /// What to ask.
    pub prompt: Option<String>,
}

impl Arguments {
    /// Reads them; `None` where only help was asked for.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut words = words;
        let mut said = Self { once: false, config: None, model: None, burst: 12, prompt: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--once" => said.once = true,
                "--config" => said.config = Some(value()?.into()),
                "--model" => said.model = Some(value()?),
                "--burst" => {
                    let text = value()?;
                    let number = text.parse().ok().filter(|number| *number <= 1_000);
                    said.burst =
                        number.ok_or_else(|| format!("--burst takes 0 to 1000, not `{text}`"))?;
                }
                option if option.starts_with("--") => {
                    return Err(format!("unknown option {option}"));
                }
                _ if said.prompt.is_some() => {
                    return Err("one prompt at a time: put it in quotes".to_owned());
                }
                _ => said.prompt = Some(word),
            }
        }
        Ok(Some(said))
    }
}
