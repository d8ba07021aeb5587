//! Reads types by their spelling. A macro does not know which type a name refers to.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Lifetime, PathArguments, Type};

/// A type without parentheses around it, and without the invisible group that `macro_rules!` puts around
/// its arguments.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        ty => ty,
    }
}

/// The `T` of a type that is written `X<T, …>`.
pub(crate) fn inside(ty: &Type) -> Option<&Type> {
    match ungrouped(ty) {
        Type::Path(path) => first_type(&path.path.segments.last()?.arguments),
        _ => None,
    }
}

/// Whether a type is written as an `Option`, or as a reference to one.
pub(crate) fn is_option(ty: &Type) -> bool {
    is_named(ty, "Option")
}

/// Whether a type is written as a `HashSet`, also behind a reference and inside of other types: `Option<&HashSet<T>>`.
pub(crate) fn is_hash_set(ty: &Type) -> bool {
    is_named(ty, "HashSet")
        || match ungrouped(ty) {
            Type::Reference(reference) => is_hash_set(&reference.elem),
            ty => inside(ty).is_some_and(is_hash_set),
        }
}

/// Whether a type is written with this name and arguments, or as a reference to such a type.
fn is_named(ty: &Type, name: &str) -> bool {
    match ungrouped(ty) {
        Type::Reference(reference) => is_named(&reference.elem, name),
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == name && !last.arguments.is_empty())
        }
        _ => false,
    }
}

/// The type with `_` for every `impl Trait`, which cannot be written inside a function, and whether there
/// was any.
pub(crate) fn inferred(ty: &Type) -> (Type, bool) {
    let mut ty = ty.clone();
    let mut infer = InferOpaque(false);
    infer.visit_type_mut(&mut ty);
    (ty, infer.0)
}

/// Replaces `impl Trait` by `_`.
struct InferOpaque(bool);

impl VisitMut for InferOpaque {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if matches!(ty, Type::ImplTrait(_)) {
            self.0 = true;
            *ty = syn::parse_quote!(_);
        } else {
            visit_mut::visit_type_mut(self, ty);
        }
    }
}

/// Whether this is `'static`.
pub(crate) fn is_static(lifetime: Option<&Lifetime>) -> bool {
    lifetime.is_some_and(|lifetime| lifetime.ident == "static")
}

/// Whether the type holds a reference or a lifetime other than `'static`.
pub(crate) fn borrows(ty: &Type) -> bool {
    let mut borrows = Borrows(false);
    borrows.visit_type(ty);
    borrows.0
}

struct Borrows(bool);

impl<'ast> Visit<'ast> for Borrows {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        self.0 |= !is_static(reference.lifetime.as_ref());
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.0 |= lifetime.ident != "static";
    }

    /// The lifetimes of function pointers and of `for<'a>` bounds belong to a call, not to the value.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}

    fn visit_trait_bound(&mut self, bound: &'ast syn::TraitBound) {
        if bound.lifetimes.is_none() {
            visit::visit_trait_bound(self, bound);
        }
    }

    fn visit_parenthesized_generic_arguments(
        &mut self,
        _: &'ast syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// The owned type to suggest in place of one that borrows.
pub(crate) fn owned_form(ty: &Type) -> Type {
    let mut ty = ty.clone();
    Own.visit_type_mut(&mut ty);
    ty
}

/// Replaces what borrows by what owns.
struct Own;

impl VisitMut for Own {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        let owned = match &*ty {
            Type::Reference(reference) => Some(owner_of(&reference.elem)),
            Type::Path(path) => match path.path.segments.last() {
                Some(last) if last.ident == "Cow" => first_type(&last.arguments).map(owner_of),
                _ => None,
            },
            _ => None,
        };
        if let Some(owned) = owned {
            *ty = owned;
        }
        match ty {
            // `&&T` has become `&T`.
            Type::Reference(_) => self.visit_type_mut(ty),
            ty => visit_mut::visit_type_mut(self, ty),
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = Lifetime::new("'static", Span::call_site());
    }
}

/// The type that owns such a value: `String` for `str`.
fn owner_of(borrowed: &Type) -> Type {
    match borrowed {
        Type::Slice(slice) => {
            let item = &slice.elem;
            syn::parse_quote!(Vec<#item>)
        }
        Type::TraitObject(object) => syn::parse_quote!(Arc<#object>),
        Type::Path(path) if path.path.is_ident("str") => syn::parse_quote!(String),
        Type::Path(path) if path.path.is_ident("Path") => syn::parse_quote!(PathBuf),
        other => other.clone(),
    }
}

/// The `T` of `<'a, T, …>`.
pub(crate) fn first_type(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// A type without the spaces that are printed between any two tokens.
pub(crate) fn written(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
    [
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ::", "::"),
        (":: ", "::"),
        ("& ", "&"),
    ]
    .into_iter()
    .fold(text, |text, (wide, narrow)| text.replace(wide, narrow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_borrows_is_told_from_what_owns() {
        let borrows = |text| syn::parse_str::<Type>(text).map(|ty| borrows(&ty)).ok();
        for borrowed in [
            "&str",
            "Option<&str>",
            "Cow<'a, str>",
            "Foo<'_>",
            "impl Fn() + 'a",
            "Box<dyn Load + '_>",
            "(u8, [&u8; 2])",
        ] {
            assert_eq!(borrows(borrowed), Some(true), "{borrowed}");
        }
        for owned in [
            "String",
            "&'static str",
            "Cow<'static, str>",
            "fn(&str) -> &str",
            "impl Fn(&str)",
            "Box<dyn for<'a> Load<'a>>",
            "Arc<[u8]>",
        ] {
            assert_eq!(borrows(owned), Some(false), "{owned}");
        }
    }

    #[test]
    fn an_owned_type_is_suggested() {
        for (borrowed, owned) in [
            ("Option<&str>", "Option<String>"),
            ("&[&str]", "Vec<String>"),
            ("Cow<'a, str>", "String"),
            ("Cow<'a, [u8]>", "Vec<u8>"),
            ("Foo<'_>", "Foo<'static>"),
            ("&&u64", "u64"),
            ("Vec<(&Path, &dyn Load)>", "Vec<(PathBuf, Arc<dyn Load>)>"),
        ] {
            let suggested = syn::parse_str::<Type>(borrowed)
                .map(|ty| written(&owned_form(&ty)))
                .unwrap_or_default();
            assert_eq!(suggested, owned);
        }
    }
}
