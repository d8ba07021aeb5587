//! Collects errors, so that one build shows all of them, and prints them beside the function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// The errors so far.
#[derive(Default)]
#[must_use = "errors that nobody looks at let a wrong attribute compile"]
pub(crate) struct Errors {
    found: Option<syn::Error>,
}

impl Errors {
    /// Adds an error at one place.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Adds an error that covers several tokens.
    pub(crate) fn over(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Adds an error.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// The value, or nothing after adding the error.
    pub(crate) fn handle<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// All errors so far and a last one, after which nothing more can be checked.
    pub(crate) fn and(mut self, last: syn::Error) -> syn::Error {
        match self.found.take() {
            Some(mut found) => {
                found.combine(last);
                found
            }
            None => last,
        }
    }

    /// The value, if there are no errors.
    pub(crate) fn finish<T>(self, value: T) -> syn::Result<T> {
        match self.found {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}

/// The item as the user wrote it, followed by its errors. Without the item, rustc would also report every
/// use of the function.
pub(crate) fn beside(item: TokenStream, error: syn::Error) -> TokenStream {
    let errors = error.into_compile_error();
    quote!(#item #errors)
}
