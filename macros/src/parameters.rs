//! The parameters of a function, by their names.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, Pat, PatType, Result, Signature, Type};

/// A parameter that has a name.
pub struct Parameter<'a> {
    pub name: &'a Ident,
    pub ty: &'a Type,
    pub typed: &'a PatType,
}

/// The parameters of a function.
///
/// # Errors
/// `self`, and patterns other than names.
pub fn parameters(signature: &Signature) -> Result<Vec<Parameter<'_>>> {
    signature.inputs.iter().map(parameter).collect()
}

fn parameter(argument: &FnArg) -> Result<Parameter<'_>> {
    let typed = match argument {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(this) => {
            let says = "a method's `self` means nothing to the model: write a function that is given what it needs";
            return Err(Error::new_spanned(this, says));
        }
    };
    match &*typed.pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            Ok(Parameter { name: &name.ident, ty: &typed.ty, typed })
        }
        other => {
            Err(Error::new_spanned(other, "the model is told of arguments by name: write one"))
        }
    }
}

impl Parameter<'_> {
    /// The name as the model is told it.
    pub fn told(&self) -> String {
        self.name.unraw().to_string()
    }
}

/// The names as the model is told them.
pub fn names(parameters: &[Parameter<'_>]) -> Vec<String> {
    parameters.iter().map(Parameter::told).collect()
}

/// The `lockkeeper::Arguments` with the values of these parameters.
pub fn arguments(parameters: &[Parameter<'_>]) -> TokenStream {
    let with = parameters.iter().map(|parameter| {
        let told = parameter.told();
        // What can't be sent is complained of at its type.
        let mut value = parameter.name.clone();
        value.set_span(value.span().located_at(parameter.ty.span()));
        quote_spanned!(parameter.ty.span()=> .with(#told, &#value))
    });
    quote!(::lockkeeper::Arguments::new() #(#with)*)
}
