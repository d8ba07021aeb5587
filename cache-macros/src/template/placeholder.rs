//! Placeholders: what stands between `<` and `>`, as the expression whose value goes into the text.
//!
//! A placeholder is a name that the function binds, with field, index and method access.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprLit, GenericParam, Signature};

use crate::function::generic;
use crate::function::signature::Shape;
use crate::{spans, suggest};

/// A placeholder as code.
#[derive(Clone)]
pub(crate) struct Part {
    /// The name it begins with.
    pub(crate) base: String,
    /// The expression whose value goes into the text.
    pub(crate) value: TokenStream,
    /// Whether it reads the success value, which exists only after the body.
    pub(crate) uses_result: bool,
}

/// Where a placeholder stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the key, which is needed before the body runs.
    Key,
    /// In `invalidates` or `tags`, which may use the success value.
    Pattern,
}

/// The names that a placeholder can begin with.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) signature: &'a Signature,
    pub(crate) is_method: bool,
    /// Whether the function may be a method. An unknown type may then be a parameter of its `impl`.
    pub(crate) may_be_method: bool,
}

impl Part {
    /// Resolves the text of a placeholder. Errors in its code are reported at `at`.
    pub(crate) fn parse(
        text: &str,
        place: Place,
        scope: &Scope<'_>,
        at: Span,
    ) -> Result<Self, String> {
        let expr: Expr = syn::parse_str(text).map_err(|_| not_an_access(text))?;
        if let Some(part) = scope.type_or_constant(&expr, at) {
            return Ok(part);
        }
        let (shape, function) = (scope.shape, &scope.signature.ident);
        let base = base(&expr).ok_or_else(|| not_an_access(text))?;
        let parameter = match base.as_str() {
            "self" => match &shape.receiver {
                Some(receiver) => Some(receiver.self_token.span),
                None => {
                    return Err(format!(
                        "cache key placeholder `<{text}>`: `{function}` has no `self`"
                    ));
                }
            },
            name => shape.name(name).map(proc_macro2::Ident::span),
        };
        let uses_result = base == RESULT && place == Place::Pattern;
        let hygiene = match (parameter, uses_result) {
            (Some(_), true) => {
                return Err(format!(
                    "`<{text}>` could be the argument `result` or the success value of `{function}`\n\
                     help: give the argument another name"
                ));
            }
            (Some(parameter), false) => parameter,
            (None, true) => at,
            (None, false) => return Err(unknown(text, &base, place, scope)),
        };
        let value = inside_text(&expr, at, hygiene.located_at(at));
        let value = match begins_with_field(&expr) && shape.is_option(&base) {
            true => of_some(&value, &expr, at),
            false => value,
        };
        Ok(Self {
            base,
            value,
            uses_result,
        })
    }

    /// A reference to the value. Where the type of the value cannot be part of a key, rustc reports it at the
    /// placeholder.
    pub(crate) fn borrowed(&self) -> TokenStream {
        let (value, (at, _)) = (&self.value, spans::ends(&self.value));
        quote_spanned!(at=> &#value)
    }

    /// Whether it is an argument without access to a part of it.
    pub(crate) fn is_all_of(&self, name: &proc_macro2::Ident) -> bool {
        name == &self.base && self.value.clone().into_iter().nth(1).is_none()
    }

    /// The name of an argument, without access to a part of it.
    pub(crate) fn whole(name: &proc_macro2::Ident) -> Self {
        Self {
            base: name.to_string(),
            value: name.to_token_stream(),
            uses_result: false,
        }
    }
}

impl Scope<'_> {
    /// Resolves placeholders that begin with a generic parameter or a type: `<T>`, `<N>`, `<Self>`, `<T::TABLE>`,
    /// `<Self::NAME>`.
    fn type_or_constant(&self, expr: &Expr, at: Span) -> Option<Part> {
        let (path, is_whole) = innermost_path(expr)?;
        let first = &path.segments.first()?.ident;
        let name = first.to_string();
        let parameter = |parameter: &&GenericParam| {
            generic::named(parameter).is_some_and(|(known, _)| known == first)
        };
        let parameter = self.signature.generics.params.iter().find(parameter);
        if self.shape.name(&name).is_some() && path.segments.len() == 1 {
            return None;
        }
        let is_type = match parameter {
            Some(parameter) => matches!(parameter, GenericParam::Type(_)),
            None if name == "Self" => self.is_method,
            None if self.may_be_method && name.starts_with(char::is_uppercase) => true,
            None => return None,
        };
        let hygiene = parameter.and_then(|parameter| generic::named(parameter));
        let hygiene = hygiene.map_or_else(Span::call_site, |(name, _)| name.span());
        let value = inside_text(expr, at, hygiene.located_at(at));
        let value = match (is_type, path.segments.len()) {
            (true, 1) if is_whole => quote_spanned!(at=> ::core::any::type_name::<#value>()),
            (true, 1) => return None,
            _ => value,
        };
        Some(Part {
            base: name,
            value,
            uses_result: false,
        })
    }
}

/// The path that an expression begins with, and whether the path is the whole expression.
fn innermost_path(expr: &Expr) -> Option<(&syn::Path, bool)> {
    match expr {
        Expr::Path(path) => path.qself.is_none().then_some((&path.path, true)),
        Expr::Field(field) => innermost_path(&field.base).map(|(path, _)| (path, false)),
        Expr::Index(index) if is_literal(&index.index) => {
            innermost_path(&index.expr).map(|(path, _)| (path, false))
        }
        Expr::MethodCall(call) if call.turbofish.is_none() && call.args.iter().all(is_literal) => {
            innermost_path(&call.receiver).map(|(path, _)| (path, false))
        }
        _ => None,
    }
}

/// The name that an expression begins with, if it begins with a single name.
fn base(expr: &Expr) -> Option<String> {
    let (path, _) = innermost_path(expr)?;
    path.get_ident().map(ToString::to_string)
}

/// Whether the first access is to a field, which an `Option` does not have: `<user.id>`, `<user.name.len()>`.
fn begins_with_field(expr: &Expr) -> bool {
    let inside = match expr {
        Expr::Field(field) => &field.base,
        Expr::Index(index) => &index.expr,
        Expr::MethodCall(call) => &call.receiver,
        _ => return false,
    };
    match **inside {
        Expr::Path(_) => matches!(expr, Expr::Field(_)),
        _ => begins_with_field(inside),
    }
}

/// The access to a part of what an `Option` contains, which gives `None` for `None`.
fn of_some(value: &TokenStream, expr: &Expr, at: Span) -> TokenStream {
    let mut tokens = value.clone().into_iter();
    let name = tokens.next();
    // The result of a method needs no reference: it is owned, or is one already.
    let reference = match expr {
        Expr::MethodCall(_) => None,
        _ => Some(quote_spanned!(at=> &)),
    };
    quote_spanned!(at=> #name.as_ref().map(|#name| #reference #value))
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(ExprLit { .. }))
}

/// The error for a placeholder that is not a name with access to its parts.
fn not_an_access(text: &str) -> String {
    format!(
        "`<{text}>` is no placeholder\n\
         help: a placeholder is an argument's name, with field, index or method access: \
         `<page.skip>`, `<id.0>`, `<q.trim()>`; for anything else use `key = expression`"
    )
}

/// The error for a placeholder whose name the function does not bind.
fn unknown(text: &str, base: &str, place: Place, scope: &Scope<'_>) -> String {
    let (shape, function) = (scope.shape, &scope.signature.ident);
    if base == RESULT {
        return format!(
            "`<{text}>` is known only after the body has run, the key is needed before\n\
             help: the success value can stand in `invalidates` and `tags`"
        );
    }
    let generics = generic::names(&scope.signature.generics);
    let names: Vec<String> = shape
        .names()
        .chain(generics)
        .map(ToString::to_string)
        .collect();
    let nearest = suggest::nearest(base, names.iter().map(String::as_str));
    let suggestion = nearest
        .map(|name| format!("; did you mean `<{name}>`?"))
        .unwrap_or_default();
    let what = match place {
        Place::Key => "cache key placeholder",
        Place::Pattern => "placeholder",
    };
    let mut known: Vec<String> = names.iter().map(|name| format!("`<{name}>`")).collect();
    if shape.receiver.is_some() {
        known.push("`<self.…>`".into());
    }
    if place == Place::Pattern {
        known.push("`<result…>`".into());
    }
    let known = match known.as_slice() {
        [] => format!("`{function}` takes no parameters"),
        known => format!("parameters that can appear here: {}", known.join(", ")),
    };
    format!("{what} `<{text}>` names no parameter of `{function}`{suggestion}\nhelp: {known}")
}

/// The tokens of an expression that stands in a text. The first token gets the span `first`, because it needs
/// the hygiene of the argument that it names. The others get a span of the attribute: for a span of the user's,
/// rustc would suggest to replace the whole text by the right name of a field.
fn inside_text(expr: &Expr, at: Span, first: Span) -> TokenStream {
    let rest = Span::call_site().located_at(at);
    let mut tokens = spans::respanned(expr.to_token_stream(), rest).into_iter();
    let first = tokens.next().map(|mut token| {
        token.set_span(first);
        token
    });
    first.into_iter().chain(tokens).collect()
}

/// The name of the success value.
const RESULT: &str = "result";
