//! Options for functions that answer HTTP requests: who may share an answer, and which answers are stored.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Expr, LitInt, LitStr, Token, bracketed, token};

use crate::options::slot::Slot;
use crate::options::value::{error, texts};

/// The options of this file, as written.
#[derive(Default)]
pub(crate) struct Http {
    /// Without a value, or with the condition under which an answer is public.
    pub(crate) public: Slot<Option<Expr>>,
    /// Names of request headers, in lower case.
    pub(crate) vary: Slot<Vec<LitStr>>,
    pub(crate) statuses: Slot<Vec<LitInt>>,
}

impl Http {
    /// All given options of this file.
    pub(crate) fn given(&self) -> impl Iterator<Item = &Ident> {
        let names = [self.public.name(), self.vary.name(), self.statuses.name()];
        names.into_iter().flatten()
    }
}

/// The condition after `public =`.
pub(super) fn condition(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    match input.parse()? {
        Expr::Lit(literal) if !matches!(literal.lit, syn::Lit::Bool(_)) => {
            Err(syn::Error::new_spanned(
                literal,
                "`public` has no value, or a condition on the arguments: `public = reader.is_none()`",
            ))
        }
        condition => Ok(Some(condition)),
    }
}

/// Names of request headers, converted to lower case.
pub(super) fn headers(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let names = texts(input, "[\"cookie\", \"accept-language\"]")?;
    let checked = names.into_iter().map(|name| {
        let text = name.value();
        // RFC 9110, section 5.6.2.
        let is_token = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if text == "*" || !is_token {
            return Err(error(
                name.span(),
                format!(
                    "`{text}` is not the name of a request header\n\
                     help: name the headers that the key depends on: `vary = \"accept-language\"`"
                ),
            ));
        }
        Ok(LitStr::new(&text.to_ascii_lowercase(), name.span()))
    });
    checked.collect()
}

/// One status, or a list of them.
pub(super) fn statuses(input: ParseStream<'_>) -> syn::Result<Vec<LitInt>> {
    let (statuses, at): (Vec<LitInt>, Span) = if input.peek(token::Bracket) {
        let content;
        let bracket = bracketed!(content in input);
        let list = Punctuated::<LitInt, Token![,]>::parse_terminated(&content)
            .map_err(|found| not_a_status(found.span()))?;
        (list.into_iter().collect(), bracket.span.join())
    } else {
        let at = input.span();
        let one: LitInt = input.parse().map_err(|_| not_a_status(at))?;
        (vec![one], at)
    };
    if statuses.is_empty() {
        return Err(error(
            at,
            "this list is empty; give at least one item, or leave the option out",
        ));
    }
    for (index, status) in statuses.iter().enumerate() {
        let number = status.base10_parse::<u16>().ok();
        let number = number.filter(|_| status.suffix().is_empty());
        if !number.is_some_and(|number| (400..=599).contains(&number)) {
            return Err(not_a_status(status.span()));
        }
        if statuses[..index]
            .iter()
            .any(|before| before.base10_digits() == status.base10_digits())
        {
            return Err(error(status.span(), format!("`{status}` is listed twice")));
        }
    }
    Ok(statuses)
}

fn not_a_status(at: Span) -> syn::Error {
    error(
        at,
        "`statuses` lists error statuses whose answers are kept, from 400 to 599: `statuses = [404, 410]`\n\
         help: answers below 400 are kept anyway",
    )
}
