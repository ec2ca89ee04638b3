//! `#[tool]`: a function that a model may call.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Error, FnArg, ItemFn, Result, ReturnType, Type};

use crate::docs::Docs;
use crate::function::last_segment;
use crate::parameters::{Parameter, parameters};

/// The attribute has none.
pub fn no_settings(input: ParseStream) -> Result<()> {
    if input.is_empty() {
        Ok(())
    } else {
        Err(input.error("`#[tool]` has no settings: leave them out"))
    }
}

pub fn expand(item: &ItemFn) -> Result<TokenStream> {
    check(item)?;
    let parameters = parameters(&item.sig)?;
    check_owned(&parameters)?;
    let docs = Docs::of(&item.attrs).text();
    if docs.is_empty() {
        let says =
            "what does the tool do? write it above for the model, as a doc comment (`/// …`)";
        return Err(Error::new_spanned(&item.sig.ident, says));
    }
    let (ident, name) = (&item.sig.ident, item.sig.ident.unraw().to_string());
    let (run, visibility) = (plain_function(item), &item.vis);
    let comments: Vec<_> = item.attrs.iter().filter(|it| is_doc(it)).collect();
    let fields = parameters.iter().map(|Parameter { name, ty, typed }| {
        let attributes = &typed.attrs; // comments, and serde's
        quote!(#(#attributes)* #name: #ty)
    });
    let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
    let value = awaited(item, &quote!(#ident::run(#(arguments.#names),*)));
    Ok(quote! {
        #(#comments)*
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        #visibility struct #ident;

        const _: () = {
            #[derive(::lockkeeper::__private::serde::Deserialize, ::lockkeeper::schemars::JsonSchema)]
            #[serde(crate = "::lockkeeper::__private::serde")]
            #[schemars(crate = "::lockkeeper::schemars")]
            struct Arguments { #(#fields,)* }

            impl #ident {
                #run
            }

            impl ::lockkeeper::LlmTool for #ident {
                fn name(&self) -> &str {
                    #name
                }

                fn description(&self) -> &str {
                    #docs
                }

                fn parameters(&self) -> ::lockkeeper::__private::Value {
                    ::lockkeeper::__private::parameters_of::<Arguments>()
                }

                fn call(
                    &self,
                    arguments: ::lockkeeper::__private::Value,
                ) -> ::lockkeeper::BoxFuture<'static, ::core::result::Result<::lockkeeper::__private::Value, ::std::string::String>> {
                    ::lockkeeper::__private::call_tool(arguments, |arguments: Arguments| async move { #value })
                }
            }
        };
    })
}

fn check(item: &ItemFn) -> Result<()> {
    let generics = &item.sig.generics;
    if !generics.params.is_empty() {
        let says = "the model is told of concrete, owned types: write them in place of this";
        return Err(Error::new_spanned(generics, says));
    }
    Ok(())
}

/// The arguments are made of the model's answer: there is nobody to borrow them from.
fn check_owned(parameters: &[Parameter<'_>]) -> Result<()> {
    for Parameter { ty, .. } in parameters {
        if let Type::Reference(borrowed) = ty {
            let says = "the tool owns its arguments: write an owned type, such as `String`";
            return Err(Error::new_spanned(borrowed, says));
        }
    }
    Ok(())
}

/// The function itself, as it was written, by the name of `run`.
fn plain_function(item: &ItemFn) -> TokenStream {
    let ItemFn { attrs, vis, sig, block } = item;
    let mut sig = sig.clone();
    sig.ident = syn::Ident::new("run", sig.ident.span());
    for input in &mut sig.inputs {
        if let FnArg::Typed(typed) = input {
            typed.attrs.clear();
        }
    }
    quote! {
        #(#attrs)*
        #vis #sig #block
    }
}

/// The call's result, whether the function is async, and whether it may fail.
fn awaited(item: &ItemFn, call: &TokenStream) -> TokenStream {
    let call = if item.sig.asyncness.is_some() { quote!(#call.await) } else { call.clone() };
    let may_fail = match &item.sig.output {
        ReturnType::Type(_, ty) => last_segment(ty).is_some_and(|last| last.ident == "Result"),
        ReturnType::Default => false,
    };
    if may_fail {
        return call;
    }
    quote!(::core::result::Result::<_, ::std::convert::Infallible>::Ok(#call))
}

fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}
