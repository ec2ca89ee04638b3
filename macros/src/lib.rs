//! The attributes of [lockkeeper](https://docs.rs/lockkeeper), which documents them: `#[llm_function]`,
//! `#[llm_chat]` and `#[tool]`.

#![allow(missing_docs, reason = "what is written here would stand twice on lockkeeper's pages")]

mod bodiless;
mod chat;
mod docs;
mod function;
mod parameters;
mod settings;
mod tool;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use bodiless::BodilessFn;
use settings::Settings;

#[proc_macro_attribute]
pub fn llm_function(settings: TokenStream, item: TokenStream) -> TokenStream {
    let settings = parse_macro_input!(settings as Settings);
    let item = parse_macro_input!(item as BodilessFn);
    function::expand(&settings, &item).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[proc_macro_attribute]
pub fn llm_chat(settings: TokenStream, item: TokenStream) -> TokenStream {
    let settings = parse_macro_input!(settings as Settings);
    let item = parse_macro_input!(item as BodilessFn);
    chat::expand(&settings, &item).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[proc_macro_attribute]
pub fn tool(settings: TokenStream, item: TokenStream) -> TokenStream {
    parse_macro_input!(settings with tool::no_settings);
    let item = parse_macro_input!(item as syn::ItemFn);
    tool::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}
