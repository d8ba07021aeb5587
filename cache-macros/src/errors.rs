//! Every error at once, and the item as written beside them.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// Collects what is wrong, so that one build shows all of it.
#[derive(Default)]
#[must_use = "errors that nobody looks at let a wrong attribute compile"]
pub(crate) struct Errors {
    found: Option<syn::Error>,
}

impl Errors {
    /// Notes a mistake at one place.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Notes a mistake that covers several tokens.
    pub(crate) fn over(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Notes a mistake found elsewhere.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// Takes the value, or notes why there is none and carries on.
    pub(crate) fn handle<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Everything so far and one more, after which there is no going on.
    pub(crate) fn and(mut self, last: syn::Error) -> syn::Error {
        match self.found.take() {
            Some(mut found) => {
                found.combine(last);
                found
            }
            None => last,
        }
    }

    /// The value, if nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> syn::Result<T> {
        match self.found {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}

/// The item as the user wrote it, followed by its errors. Without the item, every use of the
/// function would be an error as well, and bury the one that matters.
pub(crate) fn beside(item: TokenStream, error: syn::Error) -> TokenStream {
    let errors = error.into_compile_error();
    quote!(#item #errors)
}
