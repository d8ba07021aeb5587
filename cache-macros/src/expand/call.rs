//! The steps of a call: everything that is known of it before the body runs.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt as _;

use crate::cached_fn::CachedFn;
use crate::cached_fn::key::Key;
use crate::cached_fn::pattern::Pattern;
use crate::cached_fn::surroundings::Surroundings;
use crate::expand::tokens::{companions_module, private};
use crate::options::ttl::Ttl;
use crate::spans::{ends, respanned};
use crate::template::placeholder::Part;

/// The steps that give a call its cache and its key, in a function of this name.
pub(super) fn keyed(cached: &CachedFn, function: &Ident) -> TokenStream {
    let (cache, key) = (cache_step(cached), key_steps(cached, function));
    quote!(#cache #key)
}

/// The step that gives a call its cache.
pub(super) fn cache_step(cached: &CachedFn) -> Option<TokenStream> {
    let cache = borrowed(cached.cache.as_ref()?);
    Some(quote!(.cache(#cache)))
}

/// The steps that give a call its key, in a function of this name.
pub(super) fn key_steps(cached: &CachedFn, function: &Ident) -> Option<TokenStream> {
    let key = key_step(cached.key()?);
    let surroundings = surroundings(cached, function);
    Some(quote!(#key #surroundings))
}

fn key_step(key: &Key) -> TokenStream {
    match key {
        Key::Template { parts, .. } => {
            let parts = values(parts);
            quote!(.key(&[#parts]))
        }
        Key::Automatic { types, parts } if types.is_empty() => {
            let parts = values(parts);
            quote!(.key(&[#parts]))
        }
        Key::Automatic { types, parts } => {
            let parts = values(parts);
            quote!(.auto_key(&[#(#types),*], &[#parts]))
        }
        Key::Expr(expr) => quote!(.key_expr(#expr)),
    }
}

/// The step that adds to the key what stands around the function.
fn surroundings(cached: &CachedFn, function: &Ident) -> Option<TokenStream> {
    let private = private(cached);
    let function = function.unraw().to_string();
    let instance = quote!(#private::instance!(#function));
    match &cached.surroundings {
        Surroundings::Nothing => None,
        Surroundings::Instance => Some(quote!(.of(#instance))),
        Surroundings::Owner => Some(quote!(.within(#instance, ::core::module_path!()))),
        Surroundings::AnyOwner => Some(quote!(.within_any(#instance, ::core::module_path!()))),
        Surroundings::Beside(name) => {
            let module = companions_module(name);
            Some(quote!(
                .beside(
                    ::core::any::type_name_of_val(&#module::#name::__site),
                    ::core::module_path!(),
                )
            ))
        }
    }
}

/// The steps that only the function itself makes, not its companions.
pub(super) fn options_of_call(cached: &CachedFn) -> TokenStream {
    let private = private(cached);
    let ttl = match &cached.ttl {
        Some(Ttl::Expr(ttl)) => {
            let (there, _) = ends(ttl);
            let lifetime = respanned(quote!(#private::lifetime), there);
            let ttl = borrowed(ttl);
            Some(quote_spanned!(there=> .ttl(#lifetime(#ttl))))
        }
        _ => None,
    };
    let public = cached.http.public.value().and_then(Option::as_ref);
    let public = public.map(|condition| {
        let (there, _) = ends(condition);
        quote_spanned!(there=> .public(#condition))
    });
    let types = &cached.types_in_key;
    let caller =
        (!types.is_empty()).then(|| quote!(.holds_caller(#private::identify_caller!(#(#types),*))));
    let invalidates = early(&cached.invalidates, 0, "invalidates");
    let bounds = early(
        &cached.invalidates_within,
        cached.invalidates.len(),
        "invalidates",
    );
    let removals = cached.computed_removals.iter();
    let removals = removals.filter(|computed| !computed.uses_result);
    let removals = removals.map(|computed| computed_removals(&computed.expr, &quote!()));
    let tags = early(&cached.tags, 0, "tag");
    let computed = cached
        .computed_tags
        .as_ref()
        .filter(|tags| !tags.uses_result);
    let computed = computed.map(|tags| computed_tags(&tags.expr, &quote!()));
    quote!(#ttl #public #caller #invalidates #bounds #(#removals)* #tags #computed)
}

/// `.tags(expr)` on `of`. An error about the expression is reported at the expression.
pub(super) fn computed_tags(expr: &Expr, of: &TokenStream) -> TokenStream {
    let (there, _) = ends(expr);
    quote_spanned!(there=> #of.tags(#expr))
}

/// `.removes(expr)` on `of`. An error about the expression is reported at the expression.
pub(super) fn computed_removals(expr: &Expr, of: &TokenStream) -> TokenStream {
    let (there, _) = ends(expr);
    quote_spanned!(there=> #of.removes(#expr))
}

/// The steps that fill in patterns without `<result…>`, whose positions count from `first`.
fn early(patterns: &[Pattern], first: usize, step: &str) -> TokenStream {
    let step = format_ident!("{step}");
    let rendered = patterns
        .iter()
        .enumerate()
        .filter(|(_, pattern)| !pattern.parts.is_empty() && !pattern.uses_result());
    rendered
        .map(|(index, pattern)| {
            let index = Literal::usize_unsuffixed(first + index);
            let parts = values(&pattern.parts);
            quote!(.#step(#index, &[#parts]))
        })
        .collect()
}

/// References to the values of placeholders.
fn values(parts: &[Part]) -> TokenStream {
    let values = parts.iter().map(Part::borrowed);
    quote!(#(#values),*)
}

/// A reference to the value of an expression. An expression with an operator needs parentheses behind `&`.
fn borrowed(expr: &Expr) -> TokenStream {
    let (there, _) = ends(expr);
    match expr {
        Expr::Path(_)
        | Expr::Field(_)
        | Expr::Call(_)
        | Expr::MethodCall(_)
        | Expr::Macro(_)
        | Expr::Paren(_) => {
            quote_spanned!(there=> &#expr)
        }
        _ => quote_spanned!(there=> &(#expr)),
    }
}
