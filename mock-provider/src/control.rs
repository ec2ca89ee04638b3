//! The control endpoints under `/_control`: the log, faults and settings, for programs in any language.

use serde_json::{Value, json};

use crate::cors;
use crate::fault_names::FAULT_MODELS;
use crate::record::{RequestRecord, key_label};
use crate::request::Request;
use crate::script::Script;
use crate::settings::Settings;
use crate::state::State;
use crate::wire::Head;

/// What went wrong: a status and why.
type Refusal = (u16, String);

/// Answers a control call; `None` if the request is not one.
pub(crate) fn answer(request: &Request, state: &State) -> Option<(Head, String)> {
    let path = request.path().strip_prefix("/_control")?.trim_matches('/');
    let (status, body) = match carry_out(request, path, state) {
        Ok(body) => (200, body),
        Err((status, message)) => (status, json!({"error": {"message": message}})),
    };
    let head = Head::new(status).set_all(&cors::answer_headers(true));
    Some((head.set("content-type", "application/json"), body.to_string()))
}

fn carry_out(request: &Request, path: &str, state: &State) -> Result<Value, Refusal> {
    let body = &*request.body;
    match (&*request.method, path) {
        ("GET", "") => Ok(overview(state)),
        ("GET", "log") => Ok(json!({"requests": records(request.query("model"), state)})),
        ("DELETE", "log") => {
            state.log.clear();
            Ok(json!({"cleared": "log"}))
        }
        ("POST", "faults") => {
            let script: Script = serde_json::from_slice(body).map_err(refused)?;
            state.script(script);
            Ok(json!({"queued_faults": state.script_len()}))
        }
        ("GET", "faults") => Ok(json!({"queued_faults": state.script_len(), "models": models()})),
        ("DELETE", "faults") => {
            state.clear_script();
            Ok(json!({"queued_faults": 0}))
        }
        ("GET", "settings") => Ok(shown_settings(state)),
        ("POST", "settings") => {
            let changes = serde_json::from_slice(body).map_err(refused)?;
            change_settings(state, changes)?;
            Ok(shown_settings(state))
        }
        (_, "" | "log" | "faults" | "settings") => Err((405, "Try GET, POST or DELETE.".into())),
        _ => Err((404, "There are /_control, and under it /log, /faults and /settings.".into())),
    }
}

fn overview(state: &State) -> Value {
    let peak = |(label, peak): (String, usize)| json!({"key_label": label, "peak_in_flight": peak});
    let (requests, queued_faults) = (state.log.len(), state.script_len());
    state.log.traffic(|traffic| {
        json!({
            "requests": requests,
            "queued_faults": queued_faults,
            "open": traffic.open(),
            "connections": state.connections(),
            "connections_accepted": state.accepted(),
            "peak_in_flight": traffic.peak(),
            "keys": traffic.peaks().map(peak).collect::<Vec<_>>(),
        })
    })
}

fn models() -> Value {
    FAULT_MODELS.iter().map(|(name, meaning)| json!({"name": name, "meaning": meaning})).collect()
}

fn records(model: Option<&str>, state: &State) -> Vec<RequestRecord> {
    let mut records = state.log.records();
    records.retain(|record| model.is_none() || record.model.as_deref() == model);
    records
}

/// Lays the given fields over the present ones; the rest stays.
fn change_settings(state: &State, changes: Value) -> Result<(), Refusal> {
    let mut settings = json!(*state.settings());
    let (Some(fields), Value::Object(changes)) = (settings.as_object_mut(), changes) else {
        return Err((400, "Settings are a JSON object.".into()));
    };
    fields.extend(changes);
    let settings: Settings = serde_json::from_value(settings).map_err(refused)?;
    state.change_settings(settings);
    Ok(())
}

/// The settings, with keys as their labels: they may be real ones by mistake.
fn shown_settings(state: &State) -> Value {
    let mut settings = state.settings().as_ref().clone();
    for key in &mut settings.keys {
        key.key = key_label(Some(&key.key));
    }
    json!(settings)
}

fn refused(error: serde_json::Error) -> Refusal {
    (400, error.to_string())
}
