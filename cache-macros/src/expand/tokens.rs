//! Pieces of code that several parts of an expansion have in common.

use std::time::Duration;

use proc_macro2::{Group, Ident, Literal, TokenStream};
use quote::{ToTokens as _, format_ident, quote};

use crate::cached_fn::CachedFn;

/// The module of the runtime that generated code may use.
pub(super) fn private(cached: &CachedFn) -> TokenStream {
    let runtime = &cached.runtime;
    quote!(#runtime::__private)
}

/// The module that holds the companions of a free function. An error inside an `impl`, where no module can
/// stand, shows its name, so the name says what to do.
pub(super) fn companions_module(name: &Ident) -> Ident {
    format_ident!("__companions_of_{name}__in_an_impl_say_companions_false")
}

/// The tokens in braces, which stand where the body of the function stands.
pub(super) fn braced(cached: &CachedFn, tokens: TokenStream) -> TokenStream {
    let mut group = Group::new(cached.function.body.delimiter(), tokens);
    group.set_span(cached.function.body.span());
    group.into_token_stream()
}

/// A constant expression for a length of time.
pub(super) fn duration(length: Duration) -> TokenStream {
    let (unit, count) = match length.subsec_nanos() {
        0 => ("from_secs", length.as_secs()),
        _ => (
            "from_millis",
            u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
        ),
    };
    let unit = format_ident!("{unit}");
    let count = Literal::u64_unsuffixed(count);
    quote!(::core::time::Duration::#unit(#count))
}
