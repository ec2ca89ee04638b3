//! A function without a body: its signature, and a semicolon.

use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Signature, Token, Visibility, token};

/// A function without a body.
pub struct BodilessFn {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub signature: Signature,
}

impl Parse for BodilessFn {
    fn parse(input: ParseStream) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        if input.peek(token::Brace) {
            let says = "the model carries the function out: write `;` in place of the body";
            return Err(Error::new(input.span(), says));
        }
        input.parse::<Token![;]>()?;
        Ok(Self { attributes, visibility, signature })
    }
}

impl BodilessFn {
    /// What keeps the signature from being one that a model can carry out, `async` apart.
    pub fn check(&self) -> Result<()> {
        let signature = &self.signature;
        let mut generics = signature.generics.params.iter();
        if let Some(generic) = generics.find(|it| !matches!(it, syn::GenericParam::Lifetime(_))) {
            let says = "the model is told of concrete types: write one in place of this";
            return Err(Error::new_spanned(generic, says));
        }
        if let Some(word) = &signature.unsafety {
            return Err(Error::new_spanned(word, "nothing here is unsafe: leave it out"));
        }
        if let Some(word) = &signature.constness {
            return Err(Error::new_spanned(
                word,
                "a model is asked when the program runs: leave it out",
            ));
        }
        Ok(())
    }
}
