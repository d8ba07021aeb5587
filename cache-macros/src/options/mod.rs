//! The options between the parentheses, each in a slot that keeps its name and holds one value.

pub(crate) mod http;
pub(crate) mod lifetime;
pub(crate) mod peers;
pub(crate) mod policy;
pub(crate) mod slot;

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitBool, LitInt, LitStr, Path, Token, bracketed, parenthesized, token};

use crate::errors::Errors;
use crate::function::mentions::mentions;
use crate::options::http::Answer;
use crate::options::lifetime::Lifetime;
use crate::options::policy::Policy;
use crate::options::slot::Slot;
use crate::suggest;

/// Every option, as written.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) ttl: Slot<Ttl>,
    pub(crate) key: Slot<Key>,
    pub(crate) invalidates: Slot<Vec<LitStr>>,
    pub(crate) always: Slot<()>,
    pub(crate) put: Slot<()>,
    pub(crate) tags: Slot<Tags>,
    pub(crate) skip: Slot<Vec<Ident>>,
    pub(crate) when: Slot<Expr>,
    pub(crate) none_ttl: Slot<Duration>,
    pub(crate) near: Slot<Near>,
    pub(crate) policy: Policy,
    pub(crate) answer: Answer,
    pub(crate) cache: Slot<Expr>,
    pub(crate) name: Slot<LitStr>,
    pub(crate) companions: Slot<Companions>,
    /// `?Send`
    pub(crate) as_it_is: Slot<()>,
    pub(crate) krate: Slot<Path>,
}

/// `ttl = …`
pub(crate) enum Ttl {
    /// Known now.
    Lifetime(Lifetime),
    /// Known when the function is called.
    Expr(Expr),
}

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
    /// An expression that gives tags, however many.
    Given(Expr),
}

/// `near = …`
pub(crate) enum Near {
    /// `true`
    On,
    /// `false`
    Off,
    /// A length of time.
    AtMost(Duration),
}

/// `companions = …`
pub(crate) enum Companions {
    /// `false`
    None,
    /// A name.
    Named(Ident),
}

impl Args {
    /// Reads all options, past those that are wrong.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        Self::read.parse2(tokens)
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut args = Self::default();
        let mut errors = Errors::default();
        while !input.is_empty() {
            if let Err(error) = args.read_option(input) {
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
        errors.finish(args)
    }

    /// Does an option say `Self`, which only a method can?
    pub(crate) fn mention_self(&self) -> bool {
        let key = match self.key.value() {
            Some(Key::Template(text)) => names_self(text),
            Some(Key::Expr(expr)) => mentions(expr, "Self"),
            None => false,
        };
        let tags = match self.tags.value() {
            Some(Tags::Listed(texts)) => texts.iter().any(names_self),
            Some(Tags::Given(expr)) => mentions(expr, "Self"),
            None => false,
        };
        let skip = self.skip.value().into_iter().flatten();
        let invalidates = self.invalidates.value().into_iter().flatten();
        key || tags
            || skip.into_iter().any(|name| name == "Self")
            || invalidates.into_iter().any(names_self)
    }

    fn read_option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Token![?]) {
            return self.as_it_is.fill(not_send(input)?, ());
        }
        let name = match input.call(Ident::parse_any) {
            Ok(name) => name,
            Err(error) => return Err(nameless(input, error)),
        };
        match name.to_string().as_str() {
            "ttl" => self.ttl.fill(name.clone(), value(&name, input, ttl)?),
            "key" => self.key.fill(name.clone(), value(&name, input, key)?),
            "invalidates" => self
                .invalidates
                .fill(name.clone(), value(&name, input, patterns)?),
            "invalidates_on" => self.always.fill(name.clone(), value(&name, input, always)?),
            "put" => {
                flag(&name, input)?;
                self.put.fill(name, ())
            }
            "tags" => self.tags.fill(name.clone(), value(&name, input, tags)?),
            "skip" => self.skip.fill(name, names(input)?),
            "when" => self
                .when
                .fill(name.clone(), value(&name, input, Expr::parse)?),
            "none_ttl" => self
                .none_ttl
                .fill(name.clone(), value(&name, input, length)?),
            "near" => self.near.fill(name.clone(), value(&name, input, near)?),
            "cache" => self
                .cache
                .fill(name.clone(), value(&name, input, Expr::parse)?),
            "name" => self
                .name
                .fill(name.clone(), value(&name, input, site_name)?),
            "companions" => self
                .companions
                .fill(name.clone(), value(&name, input, companions)?),
            "crate" => self
                .krate
                .fill(name.clone(), value(&name, input, runtime_path)?),
            other if http::KNOWN.contains(&other) => self.answer.read_option(name, input),
            other if policy::KNOWN.contains(&other) => self.policy.read_option(name, input),
            other => Err(unknown(&name, other)),
        }
    }
}

/// `?Send`: the body's future may be bound to its thread.
fn not_send(input: ParseStream<'_>) -> syn::Result<Ident> {
    let mark: Token![?] = input.parse()?;
    let bound: Option<Ident> = input.parse()?;
    bound.filter(|bound| bound == "Send").ok_or_else(|| {
        syn::Error::new(
            mark.span,
            "the one option that begins with `?` is `?Send`, for a body whose future is bound to its thread",
        )
    })
}

/// `= …`, read by `read`.
pub(crate) fn value<T>(
    name: &Ident,
    input: ParseStream<'_>,
    read: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(
            name.span(),
            format!("`{name}` takes a value: `{name} = …`"),
        ));
    }
    input.parse::<Token![=]>()?;
    read(input)
}

fn ttl(input: ParseStream<'_>) -> syn::Result<Ttl> {
    let fork = input.fork();
    if let (Ok(text), true) = (fork.parse::<LitStr>(), ends_here(&fork)) {
        input.parse::<LitStr>()?;
        return at(text.span(), Lifetime::parse(&text.value())).map(Ttl::Lifetime);
    }
    if let Some(length) = whole_seconds(input)? {
        return Ok(Ttl::Lifetime(Lifetime::Fixed(length)));
    }
    match input.parse()? {
        Expr::Lit(other) => Err(not_a_lifetime(&other)),
        Expr::Unary(negative) if matches!(negative.op, syn::UnOp::Neg(_)) => {
            Err(not_a_lifetime(&negative))
        }
        expr => Ok(Ttl::Expr(expr)),
    }
}

fn length(input: ParseStream<'_>) -> syn::Result<Duration> {
    if let Some(length) = whole_seconds(input)? {
        return Ok(length);
    }
    let text: LitStr = input.parse().map_err(|error| {
        syn::Error::new(
            error.span(),
            "a length of time is written `\"90s\"`, or as a number of seconds",
        )
    })?;
    at(text.span(), lifetime::duration(&text.value()))
}

/// A number that is the whole value: `120`, but not `120 * FACTOR`.
fn whole_seconds(input: ParseStream<'_>) -> syn::Result<Option<Duration>> {
    let fork = input.fork();
    let (Ok(number), true) = (fork.parse::<LitInt>(), ends_here(&fork)) else {
        return Ok(None);
    };
    input.parse::<LitInt>()?;
    let seconds = number.base10_parse().map_err(|_| not_a_lifetime(&number))?;
    at(number.span(), lifetime::seconds(seconds)).map(Some)
}

fn not_a_lifetime(tokens: &impl quote::ToTokens) -> syn::Error {
    syn::Error::new_spanned(
        tokens,
        "a lifetime is a name (`\"list\"`), a length (`\"90s\"`), whole seconds (`120`), or an expression that gives one",
    )
}

fn key(input: ParseStream<'_>) -> syn::Result<Key> {
    let fork = input.fork();
    if let (Ok(_), true) = (fork.parse::<LitStr>(), ends_here(&fork)) {
        return input.parse().map(Key::Template);
    }
    match input.parse()? {
        Expr::Lit(other) => Err(syn::Error::new_spanned(
            other,
            "a key is a template (`\"jobs:list:<skip>\"`) or an expression that gives a `CacheKey`",
        )),
        expr => Ok(Key::Expr(expr)),
    }
}

fn tags(input: ParseStream<'_>) -> syn::Result<Tags> {
    let fork = input.fork();
    let is_list = patterns(&fork).is_ok() && ends_here(&fork);
    let is_empty = input.fork().call(empty_list).is_ok();
    if is_list || is_empty {
        return patterns(input).map(Tags::Listed);
    }
    match input.parse()? {
        Expr::Lit(other) => Err(syn::Error::new_spanned(
            other,
            "tags are texts (`tags = [\"author:<author>\"]`), or an expression that gives them",
        )),
        expr => Ok(Tags::Given(expr)),
    }
}

fn empty_list(input: ParseStream<'_>) -> syn::Result<()> {
    let content;
    bracketed!(content in input);
    match content.is_empty() && ends_here(input) {
        true => Ok(()),
        false => Err(content.error("not empty")),
    }
}

fn patterns(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    texts(input, "[\"jobs:list:\", \"jobs:stats\"]")
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
        .map_err(|error| syn::Error::new(error.span(), "expected a text in quotes"))?;
    match texts.is_empty() {
        true => Err(syn::Error::new(bracket.span.join(), "the list is empty")),
        false => Ok(texts.into_iter().collect()),
    }
}

fn always(input: ParseStream<'_>) -> syn::Result<()> {
    let error = |span| {
        syn::Error::new(
            span,
            "`invalidates_on` knows one value, `\"always\"`; without it, a call that fails removes nothing",
        )
    };
    let text: LitStr = input
        .parse()
        .map_err(|found: syn::Error| error(found.span()))?;
    if text.value() == "always" {
        Ok(())
    } else {
        Err(error(text.span()))
    }
}

fn flag(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    match input.peek(Token![=]) {
        true => Err(input.error(format!(
            "`{name}` takes no value; leave it out where it is not meant"
        ))),
        false => Ok(()),
    }
}

fn names(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    if !input.peek(token::Paren) {
        return Err(
            input.error("the arguments to skip are listed in parentheses: `skip(db, trace_id)`")
        );
    }
    let content;
    let paren = parenthesized!(content in input);
    let names = content
        .parse_terminated(Ident::parse_any, Token![,])
        .map_err(|error| {
            syn::Error::new(
                error.span(),
                "`skip` lists arguments by name: `skip(db, trace_id)`",
            )
        })?;
    match names.is_empty() {
        true => Err(syn::Error::new(paren.span.join(), "the list is empty")),
        false => Ok(names.into_iter().collect()),
    }
}

fn near(input: ParseStream<'_>) -> syn::Result<Near> {
    if input.peek(LitBool) {
        let on: LitBool = input.parse()?;
        return Ok(if on.value { Near::On } else { Near::Off });
    }
    if input.peek(LitStr) || input.peek(LitInt) {
        return length(input).map(Near::AtMost);
    }
    Err(input.error("`near` is `false`, or how long the copy in memory may live: `near = \"5s\"`"))
}

fn site_name(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let text: LitStr = input.parse().map_err(|error| {
        syn::Error::new(
            error.span(),
            "the name in the statistics is a text in quotes",
        )
    })?;
    if text.value().trim().is_empty() {
        return Err(syn::Error::new(text.span(), "an empty name names nothing"));
    }
    Ok(text)
}

fn companions(input: ParseStream<'_>) -> syn::Result<Companions> {
    let error = |span| {
        syn::Error::new(
            span,
            "`companions` is `false`, or the name that they take: `companions = \"job_list\"`",
        )
    };
    if input.peek(LitBool) {
        let wanted: LitBool = input.parse()?;
        return if wanted.value {
            Err(error(wanted.span))
        } else {
            Ok(Companions::None)
        };
    }
    let text: LitStr = input
        .parse()
        .map_err(|found: syn::Error| error(found.span()))?;
    text.parse::<Ident>()
        .map(Companions::Named)
        .map_err(|_| error(text.span()))
}

fn runtime_path(input: ParseStream<'_>) -> syn::Result<Path> {
    match input.peek(LitStr) {
        true => Err(input.error(
            "the path of the runtime crate goes without quotes: `crate = my_app::cache_runtime`",
        )),
        false => input.call(Path::parse_mod_style),
    }
}

/// `<Self>` or `<Self::…>` in a template.
fn names_self(text: &LitStr) -> bool {
    let text = text.value();
    let mut placeholders = text.split('<').skip(1);
    placeholders.any(|inside| {
        let name = inside.trim_start().strip_prefix("Self");
        name.is_some_and(|rest| rest.trim_start().starts_with(['>', ':']))
    })
}

fn nameless(input: ParseStream<'_>, error: syn::Error) -> syn::Error {
    match input.peek(LitStr) {
        true => syn::Error::new(
            error.span(),
            "a text needs its option: `ttl = \"…\"`, `key = \"…\"` or `invalidates = \"…\"`",
        ),
        false => syn::Error::new(error.span(), "expected an option, as in `ttl = \"list\"`"),
    }
}

fn unknown(name: &Ident, text: &str) -> syn::Error {
    if let Some(ours) = peers::ours(text) {
        let message = format!("unknown `#[cached]` option `{text}`\nhelp: {ours}");
        return syn::Error::new(name.span(), message);
    }
    let suggestion = suggest::did_you_mean(text, known());
    let mut message = format!("unknown `#[cached]` option `{text}`{suggestion}");
    if suggestion.is_empty() {
        let known: Vec<String> = known().map(|known| format!("`{known}`")).collect();
        message += &format!("\nhelp: the options are {}", known.join(", "));
    }
    syn::Error::new(name.span(), message)
}

/// The names of all options.
fn known() -> impl Iterator<Item = &'static str> {
    KNOWN.into_iter().chain(policy::KNOWN).chain(http::KNOWN)
}

fn ends_here(input: ParseStream<'_>) -> bool {
    // A name here is the next option, its comma forgotten.
    input.is_empty() || input.peek(Token![,]) || input.peek(Ident)
}

fn at<T>(span: Span, result: Result<T, String>) -> syn::Result<T> {
    result.map_err(|message| syn::Error::new(span, message))
}

/// After a wrong value, up to the comma before what looks like the next option: commas inside
/// the value (of a closure's parameters, say) do not end it.
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

const KNOWN: [&str; 14] = [
    "ttl",
    "key",
    "invalidates",
    "invalidates_on",
    "put",
    "tags",
    "skip",
    "when",
    "none_ttl",
    "near",
    "cache",
    "name",
    "companions",
    "crate",
];
