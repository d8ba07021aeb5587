//! The options between the parentheses of the attribute.
//!
//! [`TABLE`] lists every option once, beside the function that reads it. Each option has a [`Slot`], which
//! keeps its value and the place where it stands.

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::{Expr, Ident, LitStr, Path, Token, token};

use crate::errors::Errors;
use crate::options::block::{Block, PASSED};
use crate::options::entries::{Key, Removal, Tags};
use crate::options::http::Http;
use crate::options::names::Companions;
use crate::options::policy::Policy;
use crate::options::slot::Slot;
use crate::options::ttl::{Near, Ttl};
use crate::options::value::{ends_here, error, fill, fill_named, no_value};
use crate::suggest;

pub(crate) mod block;
mod duration;
pub(crate) mod entries;
pub(crate) mod http;
pub(crate) mod lifetime;
pub(crate) mod names;
mod peers;
pub(crate) mod policy;
mod slot;
pub(crate) mod ttl;
mod value;

/// All options, as written.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) ttl: Slot<Ttl>,
    pub(crate) key: Slot<Key>,
    pub(crate) invalidates: Slot<Vec<Removal>>,
    /// What an expression of `invalidates` may name at most.
    pub(crate) invalidates_within: Slot<Vec<LitStr>>,
    /// `invalidates_on = "always"`
    pub(crate) invalidates_always: Slot<()>,
    pub(crate) put: Slot<()>,
    pub(crate) tags: Slot<Tags>,
    pub(crate) skip: Slot<Vec<Ident>>,
    pub(crate) skip_all: Slot<()>,
    pub(crate) when: Slot<Expr>,
    pub(crate) none_ttl: Slot<Duration>,
    pub(crate) near: Slot<Near>,
    pub(crate) policy: Policy,
    pub(crate) http: Http,
    pub(crate) cache: Slot<Expr>,
    pub(crate) name: Slot<LitStr>,
    pub(crate) companions: Slot<Companions>,
    /// `?Send`
    pub(crate) not_send: Slot<()>,
    /// `crate = …`
    pub(crate) runtime: Slot<Path>,
    /// Whether a block is known to be around the function whose functions are methods.
    pub(crate) is_in_impl: bool,
    /// Whether `cache` is that of a block.
    pub(crate) cache_is_of_block: bool,
    /// The names of all that were written.
    written: Vec<Ident>,
    blocks: Vec<Block>,
}

impl Options {
    /// Reads all options. After a wrong one it goes on, so that one build shows all errors.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut options = Self::read.parse2(tokens)?;
        options.add_those_of_blocks();
        Ok(options)
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        let mut errors = Errors::default();
        while !input.is_empty() {
            if let Err(error) = options.read_option(input) {
                errors.add(error);
                skip_to_next_option(input)?;
            }
            if input.is_empty() {
                break;
            }
            if let Err(error) = input.parse::<Token![,]>() {
                errors.at(error.span(), "a `,` is missing between two options");
                skip_to_next_option(input)?;
                input.parse::<Option<Token![,]>>()?;
            }
        }
        errors.finish(options)
    }

    fn read_option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Token![?]) {
            return self.not_send.fill(not_send(input)?, ());
        }
        let name = match input.call(Ident::parse_any) {
            Ok(name) => name,
            Err(error) => return Err(nameless(input, &error)),
        };
        let text = name.to_string();
        if text == PASSED {
            self.blocks.push(block::passed(input)?);
            return Ok(());
        }
        self.written.push(name.clone());
        match TABLE.iter().find(|(known, _)| *known == text) {
            Some((_, read)) => read(self, name, input),
            None => Err(unknown(&name, &text)),
        }
    }
}

/// Reads the value of an option whose name has been read, and puts it into its slot.
type Read = fn(&mut Options, Ident, ParseStream<'_>) -> syn::Result<()>;

/// Every option that has a name, in the order in which an error message lists them.
const TABLE: [(&str, Read); 31] = [
    ("ttl", |to, name, input| {
        fill(&mut to.ttl, name, input, ttl::ttl)
    }),
    ("key", |to, name, input| {
        fill(&mut to.key, name, input, entries::key)
    }),
    ("invalidates", |to, name, input| {
        fill(&mut to.invalidates, name, input, entries::removals)
    }),
    ("invalidates_within", |to, name, input| {
        fill(&mut to.invalidates_within, name, input, entries::patterns)
    }),
    ("invalidates_on", |to, name, input| {
        fill(&mut to.invalidates_always, name, input, entries::always)
    }),
    ("put", |to, name, input| {
        no_value(&name, input)?;
        to.put.fill(name, ())
    }),
    ("tags", |to, name, input| {
        fill(&mut to.tags, name, input, entries::tags)
    }),
    ("skip", |to, name, input| {
        to.skip.fill(name, entries::skipped(input)?)
    }),
    ("skip_all", |to, name, input| {
        no_value(&name, input)?;
        to.skip_all.fill(name, ())
    }),
    ("when", |to, name, input| {
        fill(&mut to.when, name, input, Expr::parse)
    }),
    ("none_ttl", |to, name, input| {
        fill(&mut to.none_ttl, name, input, ttl::length)
    }),
    ("near", |to, name, input| {
        fill(&mut to.near, name, input, ttl::near)
    }),
    ("cache", |to, name, input| {
        fill(&mut to.cache, name, input, Expr::parse)
    }),
    ("name", |to, name, input| {
        fill(&mut to.name, name, input, names::in_statistics)
    }),
    ("companions", |to, name, input| {
        fill(&mut to.companions, name, input, names::companions)
    }),
    ("crate", |to, name, input| {
        fill(&mut to.runtime, name, input, names::runtime_crate)
    }),
    ("stale", |to, name, input| {
        fill_named(&mut to.policy.stale, name, input, policy::length)
    }),
    ("stale_on_error", |to, name, input| {
        fill_named(&mut to.policy.stale_on_error, name, input, policy::length)
    }),
    ("retry", |to, name, input| {
        fill_named(&mut to.policy.retry, name, input, policy::length)
    }),
    ("early", |to, name, input| match input.peek(Token![=]) {
        true => fill(&mut to.policy.early, name, input, policy::early),
        false => to.policy.early.fill(name, 1.0),
    }),
    ("timeout", |to, name, input| {
        fill_named(&mut to.policy.timeout, name, input, policy::length)
    }),
    ("soft_timeout", |to, name, input| {
        fill_named(&mut to.policy.soft_timeout, name, input, policy::length)
    }),
    ("jitter", |to, name, input| {
        fill(&mut to.policy.jitter, name, input, policy::jitter)
    }),
    ("outage", |to, name, input| {
        fill_named(&mut to.policy.outage, name, input, policy::outage)
    }),
    ("codec", |to, name, input| {
        fill_named(&mut to.policy.codec, name, input, policy::codec)
    }),
    ("compress", |to, name, input| {
        fill(&mut to.policy.compress, name, input, policy::compress)
    }),
    ("verify", |to, name, input| {
        fill(&mut to.policy.verify, name, input, policy::verify)
    }),
    ("shadow", |to, name, input| {
        no_value(&name, input)?;
        to.policy.shadow.fill(name, ())
    }),
    ("public", |to, name, input| match input.peek(Token![=]) {
        true => fill(&mut to.http.public, name, input, http::condition),
        false => to.http.public.fill(name, None),
    }),
    ("vary", |to, name, input| {
        fill(&mut to.http.vary, name, input, http::headers)
    }),
    ("statuses", |to, name, input| {
        fill(&mut to.http.statuses, name, input, http::statuses)
    }),
];

/// `?Send`: the future of the body need not be `Send`.
fn not_send(input: ParseStream<'_>) -> syn::Result<Ident> {
    let mark: Token![?] = input.parse()?;
    let bound: Option<Ident> = input.parse()?;
    bound.filter(|bound| bound == "Send").ok_or_else(|| {
        error(
            mark.span,
            "the only option that begins with `?` is `?Send`, for a body that is not `Send`",
        )
    })
}

/// The error for something without the name of an option.
fn nameless(input: ParseStream<'_>, found: &syn::Error) -> syn::Error {
    match input.peek(LitStr) {
        true => error(
            found.span(),
            "a text needs the name of its option: `ttl = \"…\"`, `key = \"…\"` or `invalidates = \"…\"`",
        ),
        false => error(found.span(), "expected an option, as in `ttl = \"list\"`"),
    }
}

/// The error for a name that is not in the table, with the option that was probably meant.
fn unknown(name: &Ident, text: &str) -> syn::Error {
    if let Some(ours) = peers::ours(text) {
        let message = format!("unknown `#[cached]` option `{text}`\nhelp: {ours}");
        return error(name.span(), message);
    }
    let known = TABLE.map(|(known, _)| known);
    let suggestion = suggest::did_you_mean(text, known);
    let mut message = format!("unknown `#[cached]` option `{text}`{suggestion}");
    if suggestion.is_empty() {
        let known = known.map(|known| format!("`{known}`"));
        message += &format!("\nhelp: the options are {}", known.join(", "));
    }
    error(name.span(), message)
}

/// Goes on from a wrong value to the comma before what looks like the next option. A comma inside the
/// value, as between the parameters of a closure, does not count.
fn skip_to_next_option(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.peek(Token![,]) {
            let ahead = input.fork();
            ahead.parse::<Token![,]>()?;
            let named = ahead.call(Ident::parse_any).is_ok();
            if ahead.is_empty()
                || named && (ends_here(&ahead) || ahead.peek(Token![=]) || ahead.peek(token::Paren))
            {
                return Ok(());
            }
        }
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_listed_twice() {
        for (at, (name, _)) in TABLE.iter().enumerate() {
            let before = TABLE.iter().take(at);
            assert!(before.into_iter().all(|(known, _)| known != name), "{name}");
        }
    }
}
