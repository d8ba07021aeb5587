//! Which types of arguments can tell who calls. An answer whose key holds the caller is private to them,
//! and only the compiler knows which types those are, so the expansion lists all types in the key.

use std::collections::HashSet;

use quote::ToTokens as _;
use syn::Type;

use crate::cached_fn::key::Key;
use crate::function::signature::Shape;
use crate::function::types::inferred;

/// The types of the arguments that the key holds, each once.
pub(crate) fn types_in_key(key: &Key, shape: &Shape) -> Vec<Type> {
    let mut all = Vec::new();
    if shape.receiver.is_some() && key.uses("self") {
        // A reference, because in a trait `Self` may be unsized.
        all.push(syn::parse_quote!(&Self));
    }
    let arguments = shape.arguments.iter().filter(|argument| {
        let mut names = argument.names.iter();
        names.any(|name| key.uses(&name.to_string()))
    });
    all.extend(arguments.map(|argument| (*argument.typed.ty).clone()));
    let mut seen = HashSet::new();
    all.retain(|ty| {
        let (_, is_opaque) = inferred(ty);
        !is_opaque && seen.insert(ty.to_token_stream().to_string())
    });
    all
}
