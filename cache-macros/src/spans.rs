//! The places in the source that errors in generated code are reported at.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The places of the first and the last token.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens
        .into_token_stream()
        .into_iter()
        .map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// The same tokens, at another place.
pub(crate) fn respanned(tokens: TokenStream, at: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut moved = Group::new(group.delimiter(), respanned(group.stream(), at));
                moved.set_span(at);
                TokenTree::Group(moved)
            }
            mut token => {
                token.set_span(at);
                token
            }
        })
        .collect()
}
