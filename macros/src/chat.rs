//! `#[llm_chat]`: a signature whose calls are the turns of a conversation.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Result, ReturnType};

use crate::bodiless::BodilessFn;
use crate::docs::Docs;
use crate::function::{instruction, last_segment};
use crate::parameters::{arguments, names, parameters};
use crate::settings::Settings;

const HISTORY: &str =
    "a turn follows others: write `history: Vec<Message>` first, then what is said";

pub fn expand(settings: &Settings, item: &BodilessFn) -> Result<TokenStream> {
    let BodilessFn { attributes, visibility, signature } = item;
    item.check()?;
    let parameters = parameters(signature)?;
    let docs = Docs::of(attributes);
    let instruction = instruction(&docs, &signature.ident)?;
    let [history, said @ ..] = parameters.as_slice() else {
        return Err(Error::new_spanned(&signature.ident, HISTORY));
    };
    if said.is_empty() {
        return Err(Error::new_spanned(history.typed, HISTORY));
    }
    docs.check_templates(&names(said))?;
    check_form(settings, item)?;

    let (Settings { llm, .. }, builder) = (settings, settings.builder());
    let (history, said) = (history.name, arguments(said));
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            ::lockkeeper::LlmChat::new(#llm, #instruction) #builder .send(#history, #said)
        }
    })
}

fn check_form(settings: &Settings, item: &BodilessFn) -> Result<()> {
    let signature = &item.signature;
    if let Some(word) = &signature.asyncness {
        let says = "a conversation streams, and is read, not awaited: leave `async` out";
        return Err(Error::new_spanned(word, says));
    }
    if let Some(word) = &settings.stream {
        return Err(Error::new_spanned(word, "a conversation always streams: leave this out"));
    }
    if let Some(word) = &settings.max_repairs {
        return Err(Error::new_spanned(word, "a text has no errors to repair: leave this out"));
    }
    let says = "a turn of a conversation streams: write `-> LlmChatStream`";
    match &signature.output {
        ReturnType::Default => Err(Error::new_spanned(&signature.ident, says)),
        ReturnType::Type(_, ty) => match last_segment(ty) {
            Some(last) if last.ident == "LlmChatStream" => Ok(()),
            _ => Err(Error::new_spanned(ty, says)),
        },
    }
}
