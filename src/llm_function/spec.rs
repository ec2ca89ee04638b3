//! A function apart from its types: what all its calls have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::prompt::ANSWER;
use super::schema::Contract;
use super::strategy::{Learned, Strategy};
use super::tool::LlmTool;
use crate::chat::{ChatOptions, Tool, ToolChoice};
use crate::interface::LlmInterface;

const DEFAULT_MAX_REPAIRS: u32 = 2;
const DEFAULT_MAX_STEPS: u32 = 8;

/// What all calls of a function have in common.
#[derive(Clone)]
pub(super) struct Spec {
    pub llm: Arc<dyn LlmInterface>,
    pub name: String,
    pub instruction: String,
    pub contract: Contract,
    /// Why a value that fits the schema is none of the type, if it is not.
    pub accepts: fn(&Value) -> Result<(), String>,
    pub tools: Vec<Arc<dyn LlmTool>>,
    pub max_repairs: u32,
    pub max_steps: u32,
    pub timeout: Option<Duration>,
    pub options: ChatOptions,
    pub learned: Arc<Learned>,
}

impl Spec {
    pub fn new(llm: impl LlmInterface + 'static, instruction: String, contract: Contract) -> Self {
        let learned = llm.model_info().learned.unwrap_or_default();
        Self {
            llm: Arc::new(llm),
            name: ANSWER.to_owned(),
            instruction,
            contract,
            accepts: |_| Ok(()),
            tools: Vec::new(),
            max_repairs: DEFAULT_MAX_REPAIRS,
            max_steps: DEFAULT_MAX_STEPS,
            timeout: None,
            options: ChatOptions::default(),
            learned,
        }
    }

    /// The model that answers, as far as that is known.
    pub fn model(&self) -> String {
        let model = self.options.model.clone().or_else(|| self.llm.model_info().model);
        model.unwrap_or_default()
    }

    /// How to ask it for structure.
    pub fn strategy(&self) -> Strategy {
        if self.contract.is_text {
            Strategy::Text
        } else if self.has_choice() {
            self.learned.preferred(&self.model())
        } else {
            Strategy::Tool
        }
    }

    /// Whether it may be asked in several ways. A `response_format` keeps some servers from calling tools.
    pub fn has_choice(&self) -> bool {
        self.tools.is_empty() && !self.contract.is_text
    }

    /// The tool of this name.
    pub fn tool(&self, name: &str) -> Option<&Arc<dyn LlmTool>> {
        self.tools.iter().find(|tool| tool.name() == name)
    }

    /// The names of two tools that are the same, or that of the tool that takes the answer.
    pub fn ambiguous_tool(&self) -> Option<&str> {
        let names: Vec<_> = self.tools.iter().map(|tool| tool.name()).collect();
        let is_taken =
            |(place, name): (usize, &&str)| names[..place].contains(name) || *name == ANSWER;
        names.iter().enumerate().position(is_taken).map(|place| names[place])
    }

    /// The options of a request that asks so, with so much time left.
    pub fn options(&self, strategy: Strategy, left: Option<Duration>) -> ChatOptions {
        let mut options = self.options.clone();
        options.timeout = left.or(options.timeout);
        for tool in &self.tools {
            let definition = Tool::function(tool.name(), tool.description(), tool.parameters());
            options.tools.push(definition);
        }
        match strategy {
            Strategy::JsonSchema => options.response_format(self.response_format()),
            Strategy::JsonObject => options.json_object(),
            Strategy::Tool => {
                let says = "Takes your answer.";
                let answer = Tool::function(ANSWER, says, self.contract.wire.clone());
                let options = options.tool(answer);
                match self.has_choice() {
                    true => options.tool_choice(ToolChoice::Function(ANSWER.to_owned())),
                    false => options, // other tools may have to be called first
                }
            }
            Strategy::Prompt | Strategy::Text => options,
        }
    }

    fn response_format(&self) -> Value {
        let Contract { wire, strict, .. } = &self.contract;
        serde_json::json!({
            "type": "json_schema",
            "json_schema": {"name": self.name, "schema": wire, "strict": strict},
        })
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tools: Vec<_> = self.tools.iter().map(|tool| tool.name()).collect();
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("instruction", &self.instruction)
            .field("tools", &tools)
            .finish_non_exhaustive()
    }
}
