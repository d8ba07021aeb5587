//! Parsers for values that several options share.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Token, bracketed, token};

use crate::options::slot::Slot;

/// Reads `= …` with `read` and puts it into the slot.
pub(super) fn fill<T>(
    slot: &mut Slot<T>,
    name: Ident,
    input: ParseStream<'_>,
    read: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    fill_named(slot, name, input, |_, input| read(input))
}

/// Like [`fill`], for values whose errors name the option.
pub(super) fn fill_named<T>(
    slot: &mut Slot<T>,
    name: Ident,
    input: ParseStream<'_>,
    read: impl FnOnce(&Ident, ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    if !input.peek(Token![=]) {
        return Err(error(
            name.span(),
            format!("`{name}` takes a value: `{name} = …`"),
        ));
    }
    input.parse::<Token![=]>()?;
    let value = read(&name, input)?;
    slot.fill(name, value)
}

/// Refuses a value for an option that takes none.
pub(super) fn no_value(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    match input.peek(Token![=]) {
        true => Err(input.error(format!(
            "`{name}` takes no value; to switch it off, leave it out"
        ))),
        false => Ok(()),
    }
}

/// One text, or a list of them.
pub(crate) fn texts(input: ParseStream<'_>, example: &str) -> syn::Result<Vec<LitStr>> {
    if input.peek(LitStr) {
        return Ok(vec![input.parse()?]);
    }
    if !input.peek(token::Bracket) {
        return Err(input.error(format!("expected a text, or a list of them: `{example}`")));
    }
    let content;
    let bracket = bracketed!(content in input);
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)
        .map_err(|found| error(found.span(), "expected a text in quotes"))?;
    match texts.is_empty() {
        true => Err(empty(bracket.span.join())),
        false => Ok(texts.into_iter().collect()),
    }
}

/// The error for a list without items.
pub(super) fn empty(at: Span) -> syn::Error {
    error(
        at,
        "this list is empty; name at least one item, or leave the option out",
    )
}

/// Whether the value ends here. A name counts as an end: it is the next option, whose comma was forgotten.
pub(super) fn ends_here(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,]) || input.peek(Ident)
}

/// Reports the message at this place.
pub(super) fn at<T>(span: Span, result: Result<T, String>) -> syn::Result<T> {
    result.map_err(|message| error(span, message))
}

pub(super) fn error(span: Span, message: impl std::fmt::Display) -> syn::Error {
    syn::Error::new(span, message)
}
