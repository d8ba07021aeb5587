//! The closure that fills in what depends on the success value: `<result…>` in `invalidates` and `tags`, and `ttl = |value| …`.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};

use crate::cached_fn::CachedFn;
use crate::cached_fn::pattern::{Computed, Pattern};
use crate::expand::call::{computed_removals, computed_tags};
use crate::expand::tokens::private;
use crate::function::mentions::mentions;
use crate::options::ttl::Ttl;
use crate::spans::{ends, respanned};

/// `move |result, patterns| { … }`, or `no_result_patterns` where nothing depends on the success value.
pub(super) fn result_patterns(cached: &CachedFn) -> TokenStream {
    let private = private(cached);
    let computed = cached
        .computed_tags
        .as_ref()
        .filter(|tags| tags.uses_result);
    let mut captured = Vec::new();
    let invalidates = steps(&cached.invalidates, "invalidates", &private, &mut captured);
    let tags = steps(&cached.tags, "tag", &private, &mut captured);
    let ttl = match &cached.ttl {
        Some(Ttl::OfValue(ttl)) => Some(ttl),
        Some(Ttl::Lifetime(_) | Ttl::Expr(_)) | None => None,
    };
    let removals: Vec<&Computed> = cached
        .computed_removals
        .iter()
        .filter(|removals| removals.uses_result)
        .collect();
    if computed.is_none()
        && removals.is_empty()
        && ttl.is_none()
        && invalidates.is_empty()
        && tags.is_empty()
    {
        return quote!(#private::no_result_patterns);
    }
    let expressions = removals.iter().copied().chain(computed);
    captured.extend(clones_for(cached, expressions));
    let patterns = patterns_name().into_token_stream();
    let computed = computed.map(|tags| computed_tags(&tags.expr, &patterns));
    let removals = removals
        .iter()
        .map(|removals| computed_removals(&removals.expr, &patterns));
    let computed: Vec<TokenStream> = removals.chain(computed).collect();
    let result = success_value(cached);
    let ttl = ttl.map(|ttl| {
        let (there, _) = ends(ttl);
        let lifetime = respanned(quote!(#private::lifetime_of), there);
        quote_spanned!(there=> #patterns.ttl(#lifetime(#result, #ttl));)
    });
    let closure = quote!(move |#result, #patterns| { #invalidates #tags #(#computed;)* #ttl });
    match captured.is_empty() {
        true => closure,
        false => quote!({ #(#captured)* #closure }),
    }
}

/// One step for each pattern that reads the success value. The body takes the arguments, so those that a
/// pattern needs as well are rendered before the body runs, by statements in `captured`.
fn steps(
    patterns: &[Pattern],
    step: &str,
    private: &TokenStream,
    captured: &mut Vec<TokenStream>,
) -> TokenStream {
    let step = format_ident!("{step}");
    let result_patterns = patterns
        .iter()
        .enumerate()
        .filter(|(_, pattern)| pattern.uses_result());
    let steps = result_patterns.map(|(index, pattern)| {
        let index = Literal::usize_unsuffixed(index);
        let parts = pattern.parts.iter().map(|part| {
            let value = part.borrowed();
            if part.uses_result {
                return value;
            }
            let name = Ident::new(&format!("text_{}", captured.len()), Span::mixed_site());
            captured.push(quote!(let #name = #private::KeyText::of(#value);));
            quote!(&#name)
        });
        let patterns = patterns_name();
        quote!(#patterns.#step(#index, &[#(#parts),*]);)
    });
    steps.collect()
}

/// The body takes the arguments, so those that expressions mention are cloned before it runs.
fn clones_for<'a>(
    cached: &CachedFn,
    expressions: impl Iterator<Item = &'a Computed> + Clone,
) -> impl Iterator<Item = TokenStream> {
    let is_mentioned = move |name: &&Ident| {
        let mut expressions = expressions.clone();
        expressions.any(|computed| mentions(&computed.expr, &name.to_string()))
    };
    let mentioned = cached.shape.names().filter(is_mentioned);
    mentioned.map(|name| quote!(let #name = ::core::clone::Clone::clone(&#name);))
}

/// The other argument of the closure. Expressions of the user do not see it, so they can have an argument of this name.
fn patterns_name() -> Ident {
    Ident::new("patterns", Span::mixed_site())
}

/// `result`, with the hygiene of the code that uses it.
fn success_value(cached: &CachedFn) -> TokenStream {
    let patterns = cached.invalidates.iter().chain(&cached.tags);
    let mut parts = patterns.flat_map(|pattern| &pattern.parts);
    let in_pattern = parts.find(|part| part.uses_result);
    let in_pattern = in_pattern.map(|part| ends(&part.value).0);
    let in_expression = || {
        let mut computed = cached.computed_removals.iter().chain(&cached.computed_tags);
        computed.find_map(|computed| first_named(computed.expr.to_token_stream(), "result"))
    };
    let span = in_pattern.or_else(in_expression);
    Ident::new("result", span.unwrap_or_else(Span::call_site)).into_token_stream()
}

/// The place of the first token of this name.
fn first_named(tokens: TokenStream, name: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == name => Some(ident.span()),
        TokenTree::Group(group) => first_named(group.stream(), name),
        _ => None,
    })
}
