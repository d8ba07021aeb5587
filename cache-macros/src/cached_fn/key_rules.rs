//! Everything that can change the result is in the key or skipped by name. A `user_id` that was forgotten
//! would show one user the data of another.

use syn::{Ident, Signature};

use crate::cached_fn::key::Key;
use crate::errors::Errors;
use crate::function::generic;
use crate::function::signature::Shape;
use crate::function::types::is_hash_set;
use crate::suggest;

/// A key, and what it is checked against.
pub(super) struct KeyRules<'a> {
    pub(super) key: &'a Key,
    pub(super) signature: &'a Signature,
    pub(super) shape: &'a Shape,
    /// The names in `skip(…)`, and of arguments that need no `skip`.
    pub(super) skipped: &'a [Ident],
}

impl KeyRules<'_> {
    /// Checks arguments, generic parameters and `Self`.
    pub(super) fn check(&self, errors: &mut Errors) {
        self.arguments(errors);
        self.parameters(errors);
        self.opaque_arguments(errors);
        self.own_type(errors);
        self.unordered_arguments(errors);
    }

    fn arguments(&self, errors: &mut Errors) {
        for name in self.shape.names() {
            match (self.key.uses(&name.to_string()), self.is_skipped(name)) {
                (false, false) => errors.at(name.span(), self.missing_argument(name)),
                (true, true) if !self.skips_itself(name) => errors.at(name.span(), self.both(name)),
                _ => {}
            }
        }
    }

    /// An automatic key holds every parameter that is not skipped.
    fn parameters(&self, errors: &mut Errors) {
        let parameters = self.signature.generics.params.iter();
        for (name, what) in parameters.filter_map(generic::named) {
            match (self.key.uses(&name.to_string()), self.is_skipped(name)) {
                (false, false) if !self.is_automatic() => errors.at(
                    name.span(),
                    format!(
                        "{what} `{name}` is missing from the key of `{}`\n\
                         help: put `<{name}>` into the key if it shapes the result, or say `skip({name})` if it does not",
                        self.function()
                    ),
                ),
                (true, true) => errors.at(name.span(), self.both(name)),
                _ => {}
            }
        }
    }

    /// The type behind an `impl Trait` can change the result, and has no name that a template could hold.
    fn opaque_arguments(&self, errors: &mut Errors) {
        let function = self.function();
        let opaque = self.shape.arguments.iter().filter(|argument| {
            !self.is_automatic() && generic::is_opaque(argument) && !argument.skips_itself
        });
        for argument in opaque {
            if let Some(name) = argument.names.iter().find(|name| !self.is_skipped(name)) {
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

    /// Equal sets may list their elements in another order, and then have other keys.
    fn unordered_arguments(&self, errors: &mut Errors) {
        let unordered = self.shape.arguments.iter().filter(|argument| {
            let in_key = |name: &Ident| !self.is_skipped(name) && self.key.holds_all_of(name);
            is_hash_set(&argument.typed.ty) && argument.names.iter().any(in_key)
        });
        for argument in unordered {
            errors.over(
                &argument.typed.ty,
                "a `HashSet` has no order, so equal sets would have different keys\n\
                 help: take a `BTreeSet`, or sort the elements in `key = expression`",
            );
        }
    }

    fn own_type(&self, errors: &mut Errors) {
        let own = self.skipped.iter().find(|name| *name == "Self");
        if let (true, Some(own)) = (self.key.uses("Self"), own) {
            errors.at(own.span(), self.both(own));
        }
    }

    fn is_automatic(&self) -> bool {
        matches!(self.key, Key::Automatic { .. })
    }

    fn is_skipped(&self, name: &Ident) -> bool {
        self.skipped.contains(name)
    }

    fn skips_itself(&self, name: &Ident) -> bool {
        let mut arguments = self.shape.arguments.iter();
        arguments.any(|argument| argument.skips_itself && argument.names.contains(name))
    }

    fn function(&self) -> &Ident {
        &self.signature.ident
    }

    fn missing_argument(&self, name: &Ident) -> String {
        let advice = match self.key {
            Key::Expr(_) => format!("use `{name}` in the key's expression"),
            _ => format!("put `<{name}>` into the key"),
        };
        format!(
            "argument `{name}` is missing from the key of `{}`\n\
             help: {advice} if it shapes the result, or say `skip({name})` if it does not",
            self.function()
        )
    }

    /// The error for a name that is in the key and in `skip(…)`.
    fn both(&self, name: &Ident) -> String {
        format!(
            "`{name}` is in the key of `{}` and is also skipped; remove one of the two",
            self.function()
        )
    }
}

/// A skipped name is an argument, a generic parameter, `self` or `Self`.
pub(super) fn check_skipped(
    name: &Ident,
    shape: &Shape,
    signature: &Signature,
    may_be_method: bool,
) -> syn::Result<()> {
    let function = &signature.ident;
    let names = || shape.names().chain(generic::names(&signature.generics));
    if name == "self" || name == "Self" && may_be_method || names().any(|known| known == name) {
        return Ok(());
    }
    let known: Vec<String> = names().map(ToString::to_string).collect();
    let suggestion = suggest::did_you_mean(&name.to_string(), known.iter().map(String::as_str));
    Err(syn::Error::new(
        name.span(),
        format!("`{function}` has no argument `{name}` to skip{suggestion}"),
    ))
}
