//! Scaffold.
/// What an answer cost in LLM tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {}
