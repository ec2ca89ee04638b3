//! The keys of an entry of `provider.json`, and which of them share an account.

use super::env_reference::Env;
use super::json_tree::{Node, Reader};
use super::model_settings::ModelSettings;
use super::read_entry::secret;
use super::rules::{self, IN_TWO_ACCOUNTS};
use crate::core::json::Value;
use crate::core::key::ApiKey;

/// Reads keys: each stands for itself, or in a list of those that share an account.
pub(super) fn keys<'a>(
    reader: &mut Reader<'a>,
    list: &Node<'a>,
    env: Env<'_>,
    settings: &mut ModelSettings,
) {
    if list.json.text().is_some() {
        reader.unexpected::<()>(list, "a list of keys", "; put it into brackets: [\"…\"]");
        return;
    }
    for element in reader.elements(list).unwrap_or_default() {
        let nodes = match element.json.value {
            Value::List(_) => reader.elements(&element).unwrap_or_default(),
            _ => vec![element.clone()],
        };
        if nodes.is_empty() {
            reader.problem(&element, format_args!("must hold at least one key"));
        }
        let (mut account, is_account) = (Vec::new(), nodes.len() > 1);
        for node in nodes {
            let Some(key) = secret(reader, &node, env, rules::key).map(ApiKey::from) else {
                continue;
            };
            let has_it = |keys: &Vec<ApiKey>| keys.contains(&key);
            let is_alone = settings.api_keys.contains(&key) && !has_it(&account);
            if is_account && is_alone || settings.accounts.iter().any(has_it) {
                reader.problem(&node, format_args!("{IN_TWO_ACCOUNTS}"));
            }
            account.push(key.clone());
            settings.api_keys.push(key);
        }
        if is_account {
            settings.accounts.push(account);
        }
    }
}
