//! What is written in the parentheses of an attribute.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Result, Token, bracketed};

/// What a setting may be called.
const KNOWN: &str = "llm, tools, max_repairs, max_steps, timeout, options, stream";

/// The settings of a function.
pub struct Settings {
    pub llm: Expr,
    /// Where it says that the function streams.
    pub stream: Option<Ident>,
    /// Where it says how often answers are repaired.
    pub max_repairs: Option<Ident>,
    /// The calls of the builder that the others stand for.
    builder: TokenStream,
}

impl Settings {
    /// The calls that set what was written.
    pub fn builder(&self) -> &TokenStream {
        &self.builder
    }
}

impl Parse for Settings {
    fn parse(input: ParseStream) -> Result<Self> {
        let (mut llm, mut stream, mut max_repairs) = (None, None, None);
        let mut builder = TokenStream::new();
        let mut names: Vec<String> = Vec::new();
        let whole = input.span();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if names.iter().any(|known| name == known) {
                return Err(Error::new_spanned(&name, format!("`{name}` is set twice")));
            }
            names.push(name.to_string());
            match name.to_string().as_str() {
                "llm" => llm = Some(value(input)?),
                "stream" => stream = Some(name),
                "tools" => {
                    input.parse::<Token![=]>()?;
                    builder.extend(tools(input)?);
                }
                "max_repairs" | "max_steps" | "timeout" | "options" => {
                    let value = value(input)?;
                    builder.extend(quote!(.#name(#value)));
                    max_repairs = max_repairs.or((name == "max_repairs").then_some(name));
                }
                other => {
                    let says = format!("there is no setting `{other}`; there are: {KNOWN}");
                    return Err(Error::new_spanned(&name, says));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let says = "who carries it out? write `llm = …`, such as `llm = my_llm()`";
        let llm = llm.ok_or_else(|| Error::new(whole, says))?;
        Ok(Self { llm, stream, max_repairs, builder })
    }
}

fn value(input: ParseStream) -> Result<Expr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn tools(input: ParseStream) -> Result<TokenStream> {
    let list;
    bracketed!(list in input);
    let tools = Punctuated::<Expr, Token![,]>::parse_terminated(&list)?;
    let tools = tools.iter();
    Ok(quote!(#(.tool(#tools))*))
}
