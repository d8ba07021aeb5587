//! What stands between `<` and `>`: a name that the function binds, with field, index and method
//! access, as the expression that is rendered.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprLit};

use crate::signature::{self, Shape};
use crate::suggest;

/// A placeholder as code.
#[derive(Clone)]
pub(crate) struct Part {
    /// The name it begins with.
    pub(crate) base: String,
    /// The expression whose value is rendered.
    pub(crate) value: TokenStream,
    /// Whether it reads the success value, which is there only after the body.
    pub(crate) is_late: bool,
}

/// Where a placeholder stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the key, which is there before the body.
    Key,
    /// In `invalidates` or `tags`, which may wait for the success value.
    Pattern,
}

impl Part {
    /// Reads a placeholder against the signature. All its code is underlined as `at`.
    pub(crate) fn parse(
        text: &str,
        place: Place,
        shape: &Shape,
        function: &str,
        at: Span,
    ) -> Result<Self, String> {
        let expr: Expr = syn::parse_str(text).map_err(|_| not_an_access(text))?;
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
        let is_late = base == RESULT && place == Place::Pattern;
        let hygiene = match (parameter, is_late) {
            (Some(_), true) => {
                return Err(format!(
                    "`<{text}>` could be the argument `result` or the success value of `{function}`\n\
                     help: give the argument another name"
                ));
            }
            (Some(parameter), false) => parameter,
            (None, true) => at,
            (None, false) => return Err(unknown(text, &base, place, shape, function)),
        };
        let mut value = respanned(expr.to_token_stream(), at).into_iter();
        let first = value.next().map(|mut token| {
            token.set_span(hygiene.located_at(at));
            token
        });
        Ok(Self {
            base,
            value: first.into_iter().chain(value).collect(),
            is_late,
        })
    }

    /// A reference to the value; a value that cannot be part of a key is underlined where the
    /// placeholder stands.
    pub(crate) fn borrowed(&self) -> TokenStream {
        let (value, (at, _)) = (&self.value, signature::ends(&self.value));
        quote_spanned!(at=> &#value)
    }

    /// The name of an argument, whole.
    pub(crate) fn whole(name: &proc_macro2::Ident) -> Self {
        Self {
            base: name.to_string(),
            value: name.to_token_stream(),
            is_late: false,
        }
    }
}

/// The name that an access begins with, if it is one and nothing but one.
fn base(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Field(field) => base(&field.base),
        Expr::Index(index) if is_literal(&index.index) => base(&index.expr),
        Expr::MethodCall(call) if call.turbofish.is_none() && call.args.iter().all(is_literal) => {
            base(&call.receiver)
        }
        _ => None,
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(ExprLit { .. }))
}

fn not_an_access(text: &str) -> String {
    format!(
        "`<{text}>` is no placeholder\n\
         help: a placeholder is an argument's name, with field, index or method access: \
         `<page.skip>`, `<id.0>`, `<q.trim()>`; what is more goes into `key = expression`"
    )
}

fn unknown(text: &str, base: &str, place: Place, shape: &Shape, function: &str) -> String {
    if base == RESULT {
        return format!(
            "`<{text}>` is known only after the body has run, the key is needed before\n\
             help: the success value can stand in `invalidates` and `tags`"
        );
    }
    let names: Vec<String> = shape.names().map(ToString::to_string).collect();
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

/// The same tokens, reported elsewhere.
pub(crate) fn respanned(tokens: TokenStream, at: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut moved = Group::new(group.delimiter(), respanned(group.stream(), at));
                moved.set_span(at);
                TokenTree::Group(moved)
            }
            mut token => {
                token.set_span(at);
                token
            }
        })
        .collect()
}

/// The word for the success value.
const RESULT: &str = "result";
