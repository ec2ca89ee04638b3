//! `#[llm_function]`: a signature that a model carries out.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, GenericArgument, PathArguments, PathSegment, Result, ReturnType, Type};

use crate::bodiless::BodilessFn;
use crate::docs::Docs;
use crate::parameters::{arguments, names, parameters};
use crate::settings::Settings;

const RESULT: &str = "a model may fail: write `-> Result<T, LlmFunctionError>`";
const STREAM: &str = "what streams returns its progress: write `-> FunctionStream<T>`";

pub fn expand(settings: &Settings, item: &BodilessFn) -> Result<TokenStream> {
    let BodilessFn { attributes, visibility, signature } = item;
    item.check()?;
    let parameters = parameters(signature)?;
    let docs = Docs::of(attributes);
    let instruction = instruction(&docs, &signature.ident)?;
    docs.check_templates(&names(&parameters))?;
    check_async(settings, item)?;

    let returned = returned(&signature.output, settings.stream.is_some(), &signature.ident)?;
    let (Settings { llm, .. }, builder) = (settings, settings.builder());
    let (name, arguments) = (signature.ident.unraw().to_string(), arguments(&parameters));
    let out = returned.value;
    // What the model can't be held to is complained of at the type.
    let span = out.span();
    let function = quote_spanned! {span=>
        ::lockkeeper::LlmFunction::<::lockkeeper::Arguments, #out>::new(#llm, #instruction)
            .name(#name) #builder
    };
    let body = match returned.form {
        Form::Stream => quote_spanned!(span=> #function.stream(#arguments)),
        Form::Answer => quote_spanned! {span=>
            let answer = #function.call(#arguments).await?;
            ::core::result::Result::Ok(answer)
        },
        Form::Value => quote_spanned! {span=>
            let answer = #function.call(#arguments).await?;
            ::core::result::Result::Ok(answer.into_value())
        },
    };
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            #body
        }
    })
}

/// What the doc comment tells the model.
pub fn instruction(docs: &Docs, name: &syn::Ident) -> Result<String> {
    let text = docs.text();
    if text.is_empty() {
        let says = "what is the model to do? write it above, as a doc comment (`/// …`)";
        return Err(Error::new_spanned(name, says));
    }
    Ok(text)
}

fn check_async(settings: &Settings, item: &BodilessFn) -> Result<()> {
    let signature = &item.signature;
    match (&signature.asyncness, &settings.stream) {
        (Some(word), Some(_)) => {
            let says = "what streams is read, not awaited: leave `async` out";
            Err(Error::new_spanned(word, says))
        }
        (None, None) => {
            let says = "a model takes its time: write `async fn`";
            Err(Error::new_spanned(signature.fn_token, says))
        }
        _ => Ok(()),
    }
}

/// What a function returns.
struct Returned<'a> {
    /// The type that the model is held to.
    value: &'a Type,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Value,
    Answer,
    Stream,
}

fn returned<'a>(output: &'a ReturnType, stream: bool, name: &syn::Ident) -> Result<Returned<'a>> {
    let says = if stream { STREAM } else { RESULT };
    let ReturnType::Type(_, output) = output else { return Err(Error::new_spanned(name, says)) };
    let wanted = if stream { "FunctionStream" } else { "Result" };
    let inner = last_segment(output).filter(|last| last.ident == wanted).and_then(first_type);
    let Some(inner) = inner else { return Err(Error::new_spanned(output, says)) };
    if stream {
        return Ok(Returned { value: inner, form: Form::Stream });
    }
    let answer = last_segment(inner).filter(|last| last.ident == "Answer").and_then(first_type);
    Ok(match answer {
        Some(value) => Returned { value, form: Form::Answer },
        None => Returned { value: inner, form: Form::Value },
    })
}

/// The last word of a type's path.
pub fn last_segment(ty: &Type) -> Option<&PathSegment> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last()
}

/// The first type in the angle brackets behind it.
fn first_type(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
