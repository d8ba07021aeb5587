//! The generic parameters of a function. Each instance of a generic function has entries of its own, so each
//! parameter is in the key or skipped by name, as each argument is.
//!
//! A macro does not see what the `impl` or trait around a method is generic over. The runtime finds out
//! which instance it runs in, and adds that to the key; see `cached_fn/surroundings.rs`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{GenericParam, Generics, Type, WherePredicate};

use crate::function::mentions::mentions;
use crate::function::signature::{Argument, Shape};
use crate::function::types::inferred;

/// The name of a type or const parameter, and which of both it is. Lifetimes make no instances.
pub(crate) fn named(parameter: &GenericParam) -> Option<(&Ident, &'static str)> {
    match parameter {
        GenericParam::Type(parameter) => Some((&parameter.ident, "type parameter")),
        GenericParam::Const(parameter) => Some((&parameter.ident, "const parameter")),
        GenericParam::Lifetime(_) => None,
    }
}

/// The names of all type and const parameters.
pub(crate) fn names(generics: &Generics) -> impl Iterator<Item = &Ident> {
    let named = generics.params.iter().filter_map(named);
    named.map(|(name, _)| name)
}

/// Expressions that name the types of an instance, for an automatic key. For an argument of type `impl Trait`
/// it is the type of its value.
pub(crate) fn types(
    generics: &Generics,
    shape: &Shape,
    is_skipped: impl Fn(&Ident) -> bool,
) -> Vec<TokenStream> {
    let parameters = generics
        .type_params()
        .map(|parameter| &parameter.ident)
        .filter(|name| !is_skipped(name))
        .map(|name| quote!(::core::any::type_name::<#name>()));
    let opaque = shape
        .arguments
        .iter()
        .filter(|argument| is_opaque(argument) && !argument.skips_itself)
        .flat_map(|argument| &argument.names)
        .filter(|name| !is_skipped(name))
        .map(|name| quote!(::core::any::type_name_of_val(&#name)));
    parameters.chain(opaque).collect()
}

/// Whether the type of the argument has an `impl Trait`.
pub(crate) fn is_opaque(argument: &Argument) -> bool {
    let ty: &Type = &argument.typed.ty;
    inferred(ty).1
}

/// The generics that the code mentions, directly or in bounds of such. The compiler could not infer a
/// parameter that nothing mentions.
pub(crate) fn retained(generics: &Generics, code: &TokenStream) -> Generics {
    let mut code = code.clone();
    let (mut kept, mut dropped): (Vec<&GenericParam>, Vec<&GenericParam>) =
        (Vec::new(), generics.params.iter().collect());
    while let Some(at) = dropped
        .iter()
        .position(|parameter| mentions_parameter(&code, parameter))
    {
        let next = dropped.remove(at);
        code.extend(quote!(#next));
        kept.push(next);
    }
    let predicates = generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates);
    let predicates: Vec<&WherePredicate> = predicates
        .filter(|predicate| {
            !dropped
                .iter()
                .any(|parameter| mentions_parameter(&quote!(#predicate), parameter))
        })
        .collect();
    // Lifetimes come first in a list of generics.
    kept.sort_by_key(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    Generics {
        lt_token: Some(Default::default()),
        params: kept.into_iter().cloned().collect(),
        gt_token: Some(Default::default()),
        where_clause: (!predicates.is_empty()).then(|| syn::parse_quote!(where #(#predicates),*)),
    }
}

/// `::<T, N>`. A companion states them because the compiler cannot infer a parameter that only the result
/// mentions.
pub(crate) fn instance(generics: &Generics) -> Option<TokenStream> {
    let named: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!named.is_empty()).then(|| quote!(::<#(#named),*>))
}

fn mentions_parameter(code: &TokenStream, parameter: &GenericParam) -> bool {
    match parameter {
        GenericParam::Type(parameter) => mentions(code, &parameter.ident.to_string()),
        GenericParam::Const(parameter) => mentions(code, &parameter.ident.to_string()),
        // Without its tick, which is a token of its own.
        GenericParam::Lifetime(parameter) => mentions(code, &parameter.lifetime.ident.to_string()),
    }
}
