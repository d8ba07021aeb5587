//! What a function is generic over. Each instance of a generic function has entries of its own, so each
//! parameter is in the key or skipped by name, as each argument is.
//!
//! A macro does not see what the `impl` or trait around a method is generic over. The runtime finds out
//! which instance it runs in, and adds that to the key; see `cached_fn/surroundings.rs`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{GenericParam, Type};

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
pub(crate) fn names(generics: &syn::Generics) -> impl Iterator<Item = &Ident> {
    let named = generics.params.iter().filter_map(named);
    named.map(|(name, _)| name)
}

/// Expressions that name the types of an instance, for an automatic key. For an argument of type `impl Trait`
/// it is the type of its value.
pub(crate) fn types(
    generics: &syn::Generics,
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
