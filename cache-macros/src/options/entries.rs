//! `key`, `tags`, `skip`, `invalidates`, `invalidates_within` and `invalidates_on`: which entries a call stores and removes.

use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitStr, Token, bracketed, parenthesized, token};

use crate::options::value::{empty, ends_here, error, texts};

/// `key = …`
pub(crate) enum Key {
    /// Text with placeholders.
    Template(LitStr),
    /// An expression that gives a key.
    Expr(Expr),
}

/// `tags = …`
pub(crate) enum Tags {
    /// Texts with placeholders.
    Listed(Vec<LitStr>),
    /// An expression that gives any number of tags.
    Given(Expr),
}

/// One item of `invalidates = …`
pub(crate) enum Removal {
    /// Text with placeholders.
    Template(LitStr),
    /// An expression that gives any number of patterns.
    Given(Expr),
}

impl Removal {
    /// The text, if it is one.
    pub(crate) fn template(&self) -> Option<&LitStr> {
        match self {
            Self::Template(text) => Some(text),
            Self::Given(_) => None,
        }
    }

    /// The expression, if it is one.
    pub(crate) fn given(&self) -> Option<&Expr> {
        match self {
            Self::Given(expr) => Some(expr),
            Self::Template(_) => None,
        }
    }
}

/// A text that is the whole value is a template. Anything else is an expression.
pub(super) fn key(input: ParseStream<'_>) -> syn::Result<Key> {
    let fork = input.fork();
    if let (Ok(_), true) = (fork.parse::<LitStr>(), ends_here(&fork)) {
        return input.parse().map(Key::Template);
    }
    match input.parse()? {
        Expr::Lit(other) => Err(syn::Error::new_spanned(
            other,
            "a key is a template (`\"jobs:list:<skip>\"`) or an expression that returns a `CacheKey`",
        )),
        expr => Ok(Key::Expr(expr)),
    }
}

/// Texts that are the whole value are templates. Anything else is an expression.
pub(super) fn tags(input: ParseStream<'_>) -> syn::Result<Tags> {
    let fork = input.fork();
    let is_list = patterns(&fork).is_ok() && ends_here(&fork);
    let is_empty = input.fork().call(empty_list).is_ok();
    if is_list || is_empty {
        return patterns(input).map(Tags::Listed);
    }
    match input.parse()? {
        Expr::Lit(other) => Err(syn::Error::new_spanned(
            other,
            "tags are texts (`tags = [\"author:<author>\"]`), or an expression that returns them",
        )),
        expr => Ok(Tags::Given(expr)),
    }
}

/// `[]` and nothing else.
fn empty_list(input: ParseStream<'_>) -> syn::Result<()> {
    let content;
    bracketed!(content in input);
    match content.is_empty() && ends_here(input) {
        true => Ok(()),
        false => Err(content.error("not empty")),
    }
}

/// A text or an expression, or a list of both. A list with something behind it, such as `[a, b].concat()`, is an expression.
pub(super) fn removals(input: ParseStream<'_>) -> syn::Result<Vec<Removal>> {
    let fork = input.fork();
    let is_list = fork.call(list).is_ok() && ends_here(&fork);
    if !is_list {
        return removal(input).map(|one| vec![one]);
    }
    let content;
    let bracket = bracketed!(content in input);
    let items = content.parse_terminated(removal, Token![,])?;
    match items.is_empty() {
        true => Err(empty(bracket.span.join())),
        false => Ok(items.into_iter().collect()),
    }
}

/// `[…, …]`, whatever the items are. `[value; count]` is none.
fn list(input: ParseStream<'_>) -> syn::Result<()> {
    let content;
    bracketed!(content in input);
    Punctuated::<Expr, Token![,]>::parse_terminated(&content).map(drop)
}

/// A text that is the whole item is a template. Anything else is an expression.
fn removal(input: ParseStream<'_>) -> syn::Result<Removal> {
    let fork = input.fork();
    if let (Ok(_), true) = (fork.parse::<LitStr>(), ends_here(&fork)) {
        return input.parse().map(Removal::Template);
    }
    match input.parse()? {
        Expr::Lit(other) => Err(syn::Error::new_spanned(
            other,
            "expected a pattern (`\"jobs:list:\"`), or an expression that returns patterns (`hides.then(|| Tag::of(\"front\"))`)",
        )),
        Expr::Closure(closure) => Err(error(
            closure.inputs_begin.span,
            "no closure is needed here: the expression may use `result`, the value that the body returns",
        )),
        expr => Ok(Removal::Given(expr)),
    }
}

/// The texts of `tags` or `invalidates_within`.
pub(super) fn patterns(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    texts(input, "[\"jobs:list:\", \"jobs:stats\"]")
}

/// `"always"`, the only value of `invalidates_on`.
pub(super) fn always(input: ParseStream<'_>) -> syn::Result<()> {
    let wrong = |span| {
        error(
            span,
            "`invalidates_on` has one possible value, `\"always\"`; without this option, a call that fails removes nothing",
        )
    };
    let text: LitStr = input
        .parse()
        .map_err(|found: syn::Error| wrong(found.span()))?;
    if text.value() == "always" {
        Ok(())
    } else {
        Err(wrong(text.span()))
    }
}

/// `skip(…)`: the names between the parentheses.
pub(super) fn skipped(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    if !input.peek(token::Paren) {
        return Err(
            input.error("the arguments to skip are listed in parentheses: `skip(db, trace_id)`")
        );
    }
    let content;
    let paren = parenthesized!(content in input);
    let names = content
        .parse_terminated(Ident::parse_any, Token![,])
        .map_err(|found| {
            error(
                found.span(),
                "`skip` lists arguments by name: `skip(db, trace_id)`",
            )
        })?;
    match names.is_empty() {
        true => Err(error(
            paren.span.join(),
            "this list is empty; name at least one argument, or leave `skip` out",
        )),
        false => Ok(names.into_iter().collect()),
    }
}
