//! For whom an answer is, and which answers are kept: the options that matter to HTTP.

use std::collections::HashSet;

use proc_macro2::{Ident, Span};
use quote::ToTokens as _;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Expr, LitInt, LitStr, Token, Type, bracketed, token};

use crate::cached_fn::Key;
use crate::function::signature::{self, Shape};
use crate::options::slot::Slot;
use crate::options::{texts, value};

/// These options, as written.
#[derive(Default)]
pub(crate) struct Answer {
    /// Alone, or with what decides.
    pub(crate) public: Slot<Option<Expr>>,
    /// Names of request headers, in lower case.
    pub(crate) vary: Slot<Vec<LitStr>>,
    pub(crate) statuses: Slot<Vec<LitInt>>,
}

impl Answer {
    /// Reads the option of that name, one of [`KNOWN`].
    pub(crate) fn read_option(&mut self, name: Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "public" if !input.peek(Token![=]) => self.public.fill(name, None),
            "public" => {
                let decides = value(&name, input, public)?;
                self.public.fill(name, Some(decides))
            }
            "vary" => {
                let headers = value(&name, input, headers)?;
                self.vary.fill(name, headers)
            }
            _ => {
                let read = value(&name, input, statuses)?;
                self.statuses.fill(name, read)
            }
        }
    }

    /// All that are given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        let names = [self.public.name(), self.vary.name(), self.statuses.name()];
        names.into_iter().flatten()
    }
}

fn public(input: ParseStream<'_>) -> syn::Result<Expr> {
    match input.parse()? {
        Expr::Lit(literal) if !matches!(literal.lit, syn::Lit::Bool(_)) => {
            Err(syn::Error::new_spanned(
                literal,
                "`public` stands alone, or takes a condition on the arguments: `public = reader.is_none()`",
            ))
        }
        condition => Ok(condition),
    }
}

/// Names of request headers, brought into lower case.
fn headers(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let names = texts(input, "[\"cookie\", \"accept-language\"]")?;
    let checked = names.into_iter().map(|name| {
        let text = name.value();
        // RFC 9110, section 5.6.2.
        let is_token = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if text == "*" || !is_token {
            return Err(syn::Error::new(
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
fn statuses(input: ParseStream<'_>) -> syn::Result<Vec<LitInt>> {
    let (statuses, at): (Vec<LitInt>, Span) = if input.peek(token::Bracket) {
        let content;
        let bracket = bracketed!(content in input);
        let list = Punctuated::<LitInt, Token![,]>::parse_terminated(&content)
            .map_err(|error| not_a_status(error.span()))?;
        (list.into_iter().collect(), bracket.span.join())
    } else {
        let at = input.span();
        let one: LitInt = input.parse().map_err(|_| not_a_status(at))?;
        (vec![one], at)
    };
    if statuses.is_empty() {
        return Err(syn::Error::new(at, "the list is empty"));
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
            return Err(syn::Error::new(
                status.span(),
                format!("`{status}` is listed twice"),
            ));
        }
    }
    Ok(statuses)
}

fn not_a_status(at: Span) -> syn::Error {
    syn::Error::new(
        at,
        "`statuses` lists error statuses whose answers are kept, from 400 to 599: `statuses = [404, 410]`\n\
         help: answers below 400 are kept anyway",
    )
}

/// The types of the arguments that the key holds, each once: whether one of them tells who asks is not for a macro to know.
pub(crate) fn types_in_key(key: &Key, shape: &Shape) -> Vec<Type> {
    let mut all = Vec::new();
    if shape.receiver.is_some() && key.uses("self") {
        // A reference, because in a trait `Self` may have no size.
        all.push(syn::parse_quote!(&Self));
    }
    let arguments = shape.arguments.iter().filter(|argument| {
        let mut names = argument.names.iter();
        names.any(|name| key.uses(&name.to_string()))
    });
    all.extend(arguments.map(|argument| (*argument.typed.ty).clone()));
    let mut seen = HashSet::new();
    all.retain(|ty| {
        let (_, is_opaque) = signature::inferred(ty);
        !is_opaque && seen.insert(ty.to_token_stream().to_string())
    });
    all
}

/// The names of these options.
pub(crate) const KNOWN: [&str; 3] = ["public", "vary", "statuses"];
