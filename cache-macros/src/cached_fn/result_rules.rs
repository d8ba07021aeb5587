//! Rules about the return type of a function whose result is stored.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::visit::{self, Visit};

use crate::errors::Errors;
use crate::function::signature::Output;
use crate::function::types::ungrouped;

/// Checks that there is a result, and that it owns its data.
pub(super) fn check(output: &Output, errors: &mut Errors) {
    something_to_store(output, errors);
    owned_result(output, errors);
}

fn something_to_store(output: &Output, errors: &mut Errors) {
    if output.is_unit {
        errors.over(
            &output.written,
            "this function returns nothing that could be cached\n\
             help: what only removes entries has `invalidates` and neither `key` nor `ttl`",
        );
    }
}

/// A result that borrows from an argument cannot be given to another call. rustc would report it, too,
/// but with three errors about lifetimes of `Deserialize`.
fn owned_result(output: &Output, errors: &mut Errors) {
    if let Some(lent) = static_reference(&output.written) {
        errors.over(
            lent,
            "a reference cannot be cached, not even a `'static` one: what comes from Redis has to be owned by somebody\n\
             help: return what owns its data, such as `String` or `Arc<str>` for `&'static str`",
        );
        return;
    }
    let mut borrows = Borrows::default();
    borrows.visit_type(&output.written);
    if let Some(borrow) = borrows.0 {
        errors.over(
            borrow,
            "a borrowed result cannot be cached: a later call would outlive what it borrows from\n\
             help: return what owns its data, such as `String` or `Arc<str>` for `&str`",
        );
    }
}

/// A `&'static` reference in a position that is stored. The error of a `Result` is not stored, and of types
/// other than these the macro does not know what they store.
fn static_reference(ty: &syn::Type) -> Option<&syn::TypeReference> {
    match ungrouped(ty) {
        syn::Type::Reference(reference) => {
            let lifetime = reference.lifetime.as_ref()?;
            (lifetime.ident == "static").then_some(reference)
        }
        syn::Type::Tuple(tuple) => tuple.elems.iter().find_map(static_reference),
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let keeps = ["Result", "Option", "Vec", "Arc", "Json"]
                .iter()
                .any(|name| last.ident == name);
            match arguments.args.first() {
                Some(syn::GenericArgument::Type(first)) if keeps => static_reference(first),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The first reference or lifetime in a type that is not `'static`.
#[derive(Default)]
struct Borrows(Option<TokenStream>);

impl<'ast> Visit<'ast> for Borrows {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => {
                visit::visit_type_reference(self, reference);
            }
            _ => {
                self.0.get_or_insert_with(|| reference.to_token_stream());
            }
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.0.get_or_insert_with(|| lifetime.to_token_stream());
        }
    }

    /// The lifetimes of function pointers, `impl Trait` and trait objects are accepted.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}

    fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {}

    fn visit_type_trait_object(&mut self, _: &'ast syn::TypeTraitObject) {}
}
