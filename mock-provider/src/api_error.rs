//! Errors in the shape that OpenAI gives them.

use serde_json::{Value, json};

/// One refusal: a status and an error object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) error_type: String,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

impl ApiError {
    /// What OpenAI, or a gateway that imitates it, sends with this status.
    pub(crate) fn of_status(status: u16) -> Self {
        let (error_type, code, message) = match status {
            400 => ("invalid_request_error", None, "The request is not valid."),
            401 => {
                ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided.")
            }
            402 => ("billing_error", Some("insufficient_balance"), "Insufficient balance."),
            403 => ("permission_error", Some("model_access_denied"), "No access to this model."),
            404 => ("invalid_request_error", Some("model_not_found"), "The model does not exist."),
            408 => ("timeout_error", None, "The request timed out."),
            429 => ("requests", Some("rate_limit_exceeded"), "Rate limit reached for requests."),
            503 => ("server_error", None, "The engine is currently overloaded. Try again later."),
            529 => ("overloaded_error", None, "Overloaded."),
            500.. => {
                ("server_error", None, "The server had an error while processing the request.")
            }
            _ => ("invalid_request_error", None, "The request was refused."),
        };
        Self {
            status,
            error_type: error_type.into(),
            code: code.map(Into::into),
            message: message.into(),
            param: None,
        }
    }

    /// A 400 that names the request's field at fault.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        let param = (!param.is_empty()).then(|| param.to_owned());
        Self { message: message.into(), param, ..Self::of_status(400) }
    }

    /// The same error with another message.
    pub(crate) fn saying(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same error with another code.
    pub(crate) fn coded(self, code: Option<&str>) -> Self {
        Self { code: code.map(Into::into), ..self }
    }

    /// The body that carries it.
    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.error_type,
            "param": self.param,
            "code": self.code,
        }})
    }
}
