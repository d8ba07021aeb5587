//! Borrowed arguments of a body that may run in the background, when its caller may have returned.
//!
//! They are cloned before the body runs: on a miss and on a refresh, never on a hit. Inside the future, a
//! reference to the clone has the name and the type of the argument, so the body compiles as it was written.
//! Arguments that the body does not mention are not cloned.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, Ident, Pat, Receiver, ReceiverKind, Signature, Stmt, Token, Type};

use crate::errors::Errors;
use crate::function::mentions::mentions;
use crate::function::self_token::{self, Replaced};
use crate::function::signature::{Argument, Form, Shape};
use crate::function::types::{borrows, is_static, owned_form, ungrouped, written};

/// A body, and the arguments that are cloned for it.
pub(crate) struct Owned {
    /// The trait of the runtime that clones an argument. Each option has one, so an error names the option.
    pub(crate) clone: Ident,
    pub(crate) taken: Vec<Taken>,
    /// The body, with a variable in place of `self` if that is cloned.
    pub(crate) body: TokenStream,
}

/// A borrowed argument.
pub(crate) struct Taken {
    /// The argument: its name, or `self`.
    pub(crate) from: Ident,
    /// Its name inside the body.
    pub(crate) name: Ident,
    pub(crate) mutability: Option<Token![mut]>,
    /// The type that it refers to.
    pub(crate) to: Type,
}

impl Owned {
    /// Finds the arguments that are cloned because of `option`. It is an error if one cannot be cloned.
    pub(crate) fn of(
        option: &Ident,
        shape: &Shape,
        when: Option<&Expr>,
        errors: &mut Errors,
    ) -> Self {
        let body = match &shape.form {
            // Not `async`: the option is refused elsewhere.
            Form::Async(body) | Form::Sync(body) => body,
            Form::Boxed { before, body, .. } => {
                nothing_before(option, before, errors);
                body
            }
        };
        let mut owned = Self {
            clone: clone_for(option),
            taken: Vec::new(),
            body: body.clone(),
        };
        let reader = Reader { option, when };
        if let Some(receiver) = &shape.receiver {
            reader.receiver(receiver, &mut owned, errors);
        }
        for argument in &shape.arguments {
            let taken = reader.argument(argument, body, errors);
            owned.taken.extend(taken);
        }
        owned
    }

    /// Removes `mut` from cloned parameters. The variables inside the body have it instead.
    pub(crate) fn release(&self, signature: &mut Signature) {
        for input in &mut signature.inputs {
            if let FnArg::Typed(typed) = input
                && let Pat::Ident(pat) = &mut *typed.pat
                && self.taken.iter().any(|taken| taken.from == pat.ident)
            {
                pat.mutability = None;
            }
        }
    }
}

/// Finds what is borrowed, for one option.
struct Reader<'a> {
    option: &'a Ident,
    when: Option<&'a Expr>,
}

impl Reader<'_> {
    fn receiver(&self, receiver: &Receiver, owned: &mut Owned, errors: &mut Errors) {
        let span = receiver.self_token.span;
        let to = match &receiver.kind {
            ReceiverKind::Reference(_, lifetime, None) if is_static(lifetime.as_ref()) => return,
            ReceiverKind::Reference(_, _, None) => syn::parse_quote!(Self),
            ReceiverKind::Reference(_, _, Some(_)) => {
                errors.over(receiver, self.exclusive("self"));
                return;
            }
            ReceiverKind::Typed(_, ty) => match self.referent(ty, "self", errors) {
                Some(to) => to.clone(),
                None => return,
            },
            _ => return,
        };
        self.not_in_when("self", errors);
        let replaced = Replaced::of(owned.body.clone());
        for span in replaced.captures {
            errors.at(
                span,
                format!(
                    "`{{self}}` inside a text is the caller's, and {}\n\
                     help: write `{{}}` and give `self` as an argument",
                    self.background()
                ),
            );
        }
        if replaced.uses_self {
            owned.body = replaced.body;
            owned.taken.push(Taken {
                from: Ident::new("self", span),
                name: self_token::name(span),
                mutability: None,
                to,
            });
        }
    }

    fn argument(
        &self,
        argument: &Argument,
        body: &TokenStream,
        errors: &mut Errors,
    ) -> Option<Taken> {
        let (pat, ty) = (&*argument.typed.pat, &*argument.typed.ty);
        let first = argument.names.first()?;
        let is_reference = matches!(ungrouped(ty), Type::Reference(_));
        if is_reference && !is_static_reference(ty) {
            for name in &argument.names {
                self.not_in_when(&name.to_string(), errors);
            }
        }
        if !argument
            .names
            .iter()
            .any(|name| mentions(body, &name.to_string()))
        {
            return None;
        }
        let to = self.referent(ty, &first.to_string(), errors);
        match pat {
            Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => {
                to.map(|to| Taken {
                    from: plain.ident.clone(),
                    name: plain.ident.clone(),
                    mutability: plain.mutability,
                    to: to.clone(),
                })
            }
            _ if to.is_some() || binds_by_reference(pat) => {
                errors.over(
                    pat,
                    format!(
                        "this pattern borrows from the argument, and {}\n\
                         help: give the argument a plain name, and take it apart in the body",
                        self.background()
                    ),
                );
                None
            }
            _ => None,
        }
    }

    /// The type that a reference refers to, unless the reference is `'static`. A type that would still borrow
    /// after it was cloned is an error.
    fn referent<'t>(&self, ty: &'t Type, name: &str, errors: &mut Errors) -> Option<&'t Type> {
        let (inner, to) = match ungrouped(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => {
                errors.over(ty, self.exclusive(name));
                return None;
            }
            Type::Reference(reference) => {
                let is_static = is_static(reference.lifetime.as_ref());
                (&*reference.elem, (!is_static).then_some(&*reference.elem))
            }
            owned => (owned, None),
        };
        if borrows(inner) {
            errors.over(
                ty,
                format!(
                    "`{name}` borrows, and {}: take an owned `{}`",
                    self.background(),
                    written(&owned_form(ty))
                ),
            );
            return None;
        }
        to
    }

    /// Refuses a borrowed argument in `when`, which may also run in the background.
    fn not_in_when(&self, name: &str, errors: &mut Errors) {
        if let Some(when) = self.when
            && mentions(when, name)
        {
            errors.over(
                when,
                format!(
                    "`when` cannot look at `{name}`, which is borrowed: {}\n\
                     help: write `when` so that it uses only the value",
                    self.background()
                ),
            );
        }
    }

    /// The error for an argument that is borrowed mutably.
    fn exclusive(&self, name: &str) -> String {
        format!(
            "`{name}` is borrowed mutably, and {}, after the caller has continued\n\
             help: take `{name}` by `&`, or by value",
            self.background()
        )
    }

    fn background(&self) -> String {
        background(self.option)
    }
}

/// The name of the trait for an option: `CloneForStale` for `stale`.
fn clone_for(option: &Ident) -> Ident {
    let words = option.to_string();
    let words = words.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    format_ident!("CloneFor{}", words.collect::<String>())
}

fn background(option: &Ident) -> String {
    match option.to_string().as_str() {
        "soft_timeout" => format!("`{option}` lets the body continue in the background"),
        "verify" => format!("`{option}` runs the body in the background"),
        _ => format!("`{option}` refreshes in the background"),
    }
}

/// Refuses statements before `Box::pin(async move { … })`. They run once and may lend to the body, but the
/// body may run again.
fn nothing_before(option: &Ident, before: &[Stmt], errors: &mut Errors) {
    let statement = before
        .iter()
        .find(|statement| !matches!(statement, Stmt::Item(_)));
    if let Some(statement) = statement {
        errors.over(
            statement,
            format!(
                "what is prepared before `Box::pin` may borrow, and {}\n\
                 help: move it into the `async move` block",
                background(option)
            ),
        );
    }
}

fn is_static_reference(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Reference(reference) if is_static(reference.lifetime.as_ref()))
}

fn binds_by_reference(pat: &Pat) -> bool {
    struct ByReference(bool);
    impl<'ast> Visit<'ast> for ByReference {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            self.0 |= pat.by_ref.is_some();
            visit::visit_pat_ident(self, pat);
        }
    }
    let mut found = ByReference(false);
    found.visit_pat(pat);
    found.0
}
