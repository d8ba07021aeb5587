//! Finds names in code.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// Whether the code mentions this name, as a token or inside a format string (`format!("user:{id}")`).
pub(crate) fn mentions(code: impl ToTokens, name: &str) -> bool {
    any(code.into_token_stream(), &|token| match token {
        TokenTree::Ident(ident) => *ident == name,
        TokenTree::Literal(literal) => captures(&literal.to_string(), name),
        _ => false,
    })
}

fn any(tokens: TokenStream, found: &dyn Fn(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => any(group.stream(), found),
        token => found(&token),
    })
}

/// Whether the literal is a text with `{name}` or `{name:…}`.
fn captures(literal: &str, name: &str) -> bool {
    literal.starts_with(['"', 'r'])
        && literal.match_indices(name).any(|(at, _)| {
            let after = &literal[at + name.len()..];
            literal[..at].trim_end().ends_with('{') && after.trim_start().starts_with(['}', ':'])
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn names_are_found_in_tokens_groups_and_format_strings() {
        assert!(mentions(quote!(CacheKey::user(user_id)), "user_id"));
        assert!(mentions(quote!(format!("user:{user_id}")), "user_id"));
        assert!(mentions(quote!(format!("user:{user_id:03}")), "user_id"));
        assert!(!mentions(quote!(format!("user:{user_id}")), "user"));
        assert!(!mentions(quote!(CacheKey::user(user_id)), "id"));
    }
}
