//! What a function is generic over. A hit must not cross from one instance to another, so each parameter is in the key, or
//! skipped by name, as each argument is.
//!
//! What the `impl` or the trait around a method is generic over, a macro cannot see: there the runtime finds the instance by
//! its name (see its `key/instance.rs`) and adds it to the key, unless the template says `<Self>` or `skip(Self)`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{GenericParam, Type};

use crate::cached_fn::Key;
use crate::errors::Errors;
use crate::expand::companions;
use crate::function::signature::{self, Argument, Shape};

/// How an automatic or a written key gets what its function's surroundings are generic over.
pub(crate) enum Surroundings {
    /// It need not: there are none, or the template says so itself.
    Left,
    /// Its own text is followed by the instance, if there are several.
    Instance,
    /// An automatic key: the type or the instance is part of the function's path.
    Owner,
    /// An automatic key of instances that do not matter.
    AnyOwner,
    /// An automatic key of a free function with companions of this name: a function that it stands in is part of its path.
    Beside(Ident),
}

impl Surroundings {
    /// The step of a call that adds them, inside a function of this name.
    pub(crate) fn step(&self, private: &TokenStream, function: &Ident) -> Option<TokenStream> {
        use syn::ext::IdentExt as _;
        let function = function.unraw().to_string();
        let instance = quote!(#private::instance!(#function));
        match self {
            Self::Left => None,
            Self::Instance => Some(quote!(.of(#instance))),
            Self::Owner => Some(quote!(.within(#instance, ::core::module_path!()))),
            Self::AnyOwner => Some(quote!(.within_any(#instance, ::core::module_path!()))),
            Self::Beside(name) => {
                let room = companions::room(name);
                Some(quote!(
                    .beside(
                        ::core::any::type_name_of_val(&#room::#name::__site),
                        ::core::module_path!(),
                    )
                ))
            }
        }
    }
}

/// The name of a parameter that makes instances, and what it is; lifetimes make none.
pub(crate) fn named(parameter: &GenericParam) -> Option<(&Ident, &'static str)> {
    match parameter {
        GenericParam::Type(parameter) => Some((&parameter.ident, "type parameter")),
        GenericParam::Const(parameter) => Some((&parameter.ident, "const parameter")),
        GenericParam::Lifetime(_) => None,
    }
}

/// The names of a function's own parameters.
pub(crate) fn names(generics: &syn::Generics) -> impl Iterator<Item = &Ident> {
    let named = generics.params.iter().filter_map(named);
    named.map(|(name, _)| name)
}

/// Every parameter is in a written key, or skipped.
pub(crate) fn check(
    key: &Key,
    generics: &syn::Generics,
    shape: &Shape,
    function: &Ident,
    is_skipped: impl Fn(&Ident) -> bool,
    errors: &mut Errors,
) {
    let is_automatic = matches!(key, Key::Automatic { .. });
    for (name, what) in generics.params.iter().filter_map(named) {
        match (key.uses(&name.to_string()), is_skipped(name)) {
            (false, false) if !is_automatic => errors.at(
                name.span(),
                format!(
                    "{what} `{name}` is missing from the key of `{function}`\n\
                     help: put `<{name}>` into the key if it shapes the result, or say `skip({name})` if it does not"
                ),
            ),
            (true, true) => errors.at(
                name.span(),
                format!("`{name}` is in the key of `{function}` and skipped; it can only be one"),
            ),
            _ => {}
        }
    }
    let unnamed = shape
        .arguments
        .iter()
        .filter(|argument| !is_automatic && is_opaque(argument) && !argument.skips_itself);
    for argument in unnamed {
        if let Some(name) = argument.names.iter().find(|name| !is_skipped(name)) {
            errors.over(
                &argument.typed.ty,
                format!(
                    "the type behind this `impl` is missing from the key of `{function}`, and can shape the result as well as \
                     `{name}` does\n\
                     help: name it, as in `{function}<T: …>({name}: T)`, and put `<T>` into the key or say `skip(T)`"
                ),
            );
        }
    }
}

/// What tells the instances of a function with an automatic key apart, as expressions. `impl Trait` has no name, but its
/// value has a type.
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

fn is_opaque(argument: &Argument) -> bool {
    let ty: &Type = &argument.typed.ty;
    signature::inferred(ty).1
}
