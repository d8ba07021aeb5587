//! Reads the expressions that give keys, tags, prefixes and TTLs, as far as their text is in the source.
//!
//! Keys are built by the library's own constructors, with a mark in place of each value. What is not understood has no
//! meaning here: it is reported, and not guessed.

use std::time::Duration;

use syn::{Expr, ExprCall, ExprMethodCall, Lit, LitStr};

use crate::ctl::map::expr::{last_but_one, last_name, name_of, path_of, plain};
use crate::ctl::map::names::Known;
use crate::ctl::map::shape::{ANY, VALUE};
use crate::ctl::map::text::Text;
use crate::ctl::map::variables::{self, Locals, Variable};
use crate::key::{CacheKey, KeyPrefix, Tag};

/// How many names lead from one to the next at most.
const DEEPEST: usize = 8;

/// Reads expressions of one function.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    names: Known<'a>,
    locals: Option<&'a Locals>,
    depth: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(names: Known<'a>, locals: &'a Locals) -> Self {
        Self {
            names,
            locals: Some(locals),
            depth: 0,
        }
    }

    /// The key that an expression gives: a text, or a chain that begins with `CacheKey::…`.
    pub(super) fn key(self, expr: &Expr) -> Option<Text> {
        let expr = plain(expr);
        if let Some((built, names)) = self.built(expr, "CacheKey") {
            return Some(Text {
                marked: built.as_str().to_owned(),
                names,
            });
        }
        if let Some(text) = self.string(expr) {
            return Some(by_hand(text, |text| {
                CacheKey::new(text).as_str().to_owned()
            }));
        }
        self.follow(expr, Self::key)
    }

    /// The tag that an expression gives: a text, or a chain that begins with `Tag::…`.
    pub(super) fn tag(self, expr: &Expr) -> Option<Text> {
        let expr = plain(expr);
        if let Some((built, names)) = self.built(expr, "Tag") {
            let marked = built.as_str().to_owned();
            return Some(Text { marked, names });
        }
        if let Some(text) = self.string(expr) {
            return Some(by_hand(text, |text| Tag::from(text).as_str().to_owned()));
        }
        self.follow(expr, Self::tag)
    }

    /// The prefix that an expression gives: a text, or a chain that begins with `KeyPrefix::…`.
    pub(super) fn prefix(self, expr: &Expr) -> Option<Text> {
        let expr = plain(expr);
        if let Some((built, names)) = self.built(expr, "KeyPrefix") {
            let mut marked = built.as_str().to_owned();
            if !is_from(expr) {
                marked.push(':');
            }
            return Some(Text { marked, names });
        }
        if let Some(text) = self.string(expr) {
            let escape = |text: &str| KeyPrefix::from(text).as_str().to_owned();
            return Some(by_hand(text, escape));
        }
        self.follow(expr, Self::prefix)
    }

    /// The tags of a list, of an iterator over one, or of a closure for each item.
    pub(super) fn tags(self, expr: &Expr) -> Option<Vec<Text>> {
        match plain(expr) {
            Expr::Array(list) => list.elems.iter().map(|item| self.tag(item)).collect(),
            Expr::Macro(list) if list.mac.path.is_ident("vec") => {
                let items: syn::ExprArray = list.mac.parse_body_with(array).ok()?;
                items.elems.iter().map(|item| self.tag(item)).collect()
            }
            Expr::MethodCall(call) if call.method == "map" || call.method == "flat_map" => {
                match call.args.first()? {
                    Expr::Closure(each) => self.tags(&each.body),
                    _ => None,
                }
            }
            Expr::MethodCall(call) if call.method == "chain" => {
                let first = self.tags(&call.receiver)?;
                let rest = self.tags(call.args.first()?)?;
                Some([first, rest].concat())
            }
            Expr::MethodCall(call) if PASSES_ON.iter().any(|name| call.method == name) => {
                self.tags(&call.receiver)
            }
            other => self.tag(other).map(|tag| vec![tag]),
        }
    }

    /// A text as it stands, with [`ANY`] where `format!` puts something.
    pub(super) fn string(self, expr: &Expr) -> Option<Text> {
        match plain(expr) {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(Text::literal(&text.value())),
                _ => None,
            },
            Expr::Macro(call) if call.mac.path.is_ident("format") => {
                let text = call.mac.parse_body_with(first_text).ok()?;
                Some(formatted(&text.value()))
            }
            Expr::MethodCall(call) if SAME_TEXT.iter().any(|name| call.method == name) => {
                self.string(&call.receiver)
            }
            Expr::Call(call) if last_name(&call.func).as_deref() == Some("from") => {
                let is_string = path_of(&call.func).ends_with(&["String".into(), "from".into()]);
                is_string.then(|| self.string(call.args.first()?)).flatten()
            }
            other => self.follow(other, Self::string),
        }
    }

    /// A duration that is built of numbers: `Duration::from_secs(60)`, or whole seconds.
    pub(super) fn duration(self, expr: &Expr) -> Option<Duration> {
        match plain(expr) {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Int(seconds) => Some(Duration::from_secs(seconds.base10_parse().ok()?)),
                _ => None,
            },
            Expr::Call(call) => {
                let unit = last_name(&call.func)?;
                let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
                let Expr::Lit(lit) = plain(call.args.first()?) else {
                    return None;
                };
                let Lit::Int(number) = &lit.lit else {
                    return None;
                };
                let number: u64 = number.base10_parse().ok()?;
                Some(Duration::from_millis(number.checked_mul(millis)?))
            }
            other => self.follow(other, Self::duration),
        }
    }

    /// A chain `Start::constructor(…).segment(…)`, as the key that it gives.
    fn built(self, expr: &Expr, start: &str) -> Option<(CacheKey, Vec<String>)> {
        match plain(expr) {
            Expr::Call(call) if last_but_one(&call.func).as_deref() == Some(start) => {
                self.constructed(call)
            }
            Expr::MethodCall(call) if call.method == "segment" => {
                let (key, mut names) = self.built(&call.receiver, start)?;
                let value = call.args.first()?;
                Some(match text_of(value) {
                    Some(text) => (key.segment(&text), names),
                    None => {
                        names.push(name_of(value));
                        (key.segment(&VALUE.to_string()), names)
                    }
                })
            }
            Expr::MethodCall(call) if SAME_TEXT.iter().any(|name| call.method == name) => {
                self.built(&call.receiver, start)
            }
            other => self.follow(other, |reading, expr| reading.built(expr, start)),
        }
    }

    fn constructed(self, call: &ExprCall) -> Option<(CacheKey, Vec<String>)> {
        let constructor = last_name(&call.func)?;
        let arguments: Vec<&Expr> = call.args.iter().map(plain).collect();
        let mut names = Vec::new();
        let key = match (constructor.as_str(), arguments.as_slice()) {
            ("new" | "of" | "from", [text]) => CacheKey::of(self.word(text, &mut names)?),
            ("user", [id]) => CacheKey::user(value(id, &mut names)),
            ("user_roles", [id]) => CacheKey::user_roles(value(id, &mut names)),
            ("user_permissions", [id]) => CacheKey::user_permissions(value(id, &mut names)),
            ("dashboard", [kind, id]) => {
                let kind = self.word(kind, &mut names)?;
                CacheKey::dashboard(kind, value(id, &mut names))
            }
            ("list_paginated", [entity, page, per_page]) => {
                let entity = self.word(entity, &mut names)?;
                let page = value(page, &mut names);
                CacheKey::list_paginated(entity, page, value(per_page, &mut names))
            }
            ("search", [entity, text, limit]) => {
                let entity = self.word(entity, &mut names)?;
                names.push(name_of(text));
                searched(&entity, &value(limit, &mut names))?
            }
            _ => return None,
        };
        Some((key, names))
    }

    /// A text that may contain separators. Any text, if it is not in the source; nothing, if it may be one that is.
    fn word(self, expr: &Expr, names: &mut Vec<String>) -> Option<String> {
        let text = match self.string(expr) {
            Some(text) => text,
            None if self.is_uncertain(expr) => return None,
            None => Text::any(name_of(expr)),
        };
        names.extend(text.names);
        Some(text.marked)
    }

    /// Whether a text is that of a variable that changes, or whose name stands for several.
    fn is_uncertain(self, expr: &Expr) -> bool {
        match (plain(expr), self.variable(expr)) {
            (_, Some(Variable::Uncertain)) => true,
            (_, Some(Variable::Is(value))) if self.depth < DEEPEST => {
                self.deeper().is_uncertain(value)
            }
            (Expr::MethodCall(call), _) if SAME_TEXT.iter().any(|name| call.method == name) => {
                self.is_uncertain(&call.receiver)
            }
            _ => false,
        }
    }

    fn variable(self, expr: &Expr) -> Option<&'a Variable> {
        variables::named(expr, self.locals?)
    }

    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    /// Reads what a name stands for: a variable, a constant, or a function that builds a key.
    fn follow<T>(self, expr: &Expr, read: impl FnOnce(Self, &Expr) -> Option<T>) -> Option<T> {
        if self.depth >= DEEPEST {
            return None;
        }
        let deeper = self.deeper();
        // Code outside of this function does not see its variables.
        let outside = |names| Self {
            names,
            locals: None,
            ..deeper
        };
        match self.variable(expr) {
            Some(Variable::Is(value)) => return read(deeper, value),
            Some(Variable::Given | Variable::Uncertain) => return None,
            None => {}
        }
        match expr {
            Expr::Path(path) => {
                let name = path.path.segments.last()?.ident.to_string();
                let (value, names) = self.names.constant(&name)?;
                read(outside(names), value)
            }
            // A closure in a variable is no function of that name.
            Expr::Call(call) if self.variable(&call.func).is_none() => {
                let (returned, names) = self.names.builder(&last_name(&call.func)?)?;
                read(outside(names), returned)
            }
            _ => None,
        }
    }

    /// The names that the file around the function declares or sees.
    pub(super) fn names(self) -> Known<'a> {
        self.names
    }
}

/// The key of a search, whose text is a hash in it.
fn searched(entity: &str, limit: &str) -> Option<CacheKey> {
    let hashed = CacheKey::search(entity, "", limit);
    let (before, end) = hashed.as_str().rsplit_once(':')?;
    let (before, _) = before.rsplit_once(':')?;
    // Both parts are escaped already, and escaping keeps what keys consist of, except the `%` of an escape.
    let escaped = format!("{before}:{VALUE}:{end}");
    (!escaped.contains('%')).then(|| CacheKey::of(escaped))
}

/// The text of a literal value, as a key shows it.
fn text_of(expr: &Expr) -> Option<String> {
    let Expr::Lit(lit) = plain(expr) else {
        return None;
    };
    match &lit.lit {
        Lit::Str(text) => Some(text.value()),
        Lit::Int(number) => Some(number.base10_digits().to_owned()),
        _ => None,
    }
}

/// A value of a key: a literal, or a mark.
fn value(expr: &Expr, names: &mut Vec<String>) -> String {
    text_of(expr).unwrap_or_else(|| {
        names.push(name_of(expr));
        VALUE.to_string()
    })
}

/// Escapes a text written by hand, as the library does; the marks stay.
fn by_hand(text: Text, escape: impl Fn(&str) -> String) -> Text {
    Text {
        marked: escape(&text.marked),
        names: text.names,
    }
}

/// The text of `format!`, with a mark for each argument.
fn formatted(format: &str) -> Text {
    let mut text = Text::default();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        let (literal, from) = rest.split_at(at);
        text.marked.push_str(literal);
        if from.starts_with("{{") || from.starts_with("}}") {
            text.marked.push_str(&from[..1]);
            rest = &from[2..];
            continue;
        }
        let (inside, after) = from[1..].split_once('}').unwrap_or((&from[1..], ""));
        let name = inside.split(':').next().unwrap_or_default().trim();
        text.marked.push(ANY);
        text.names
            .push(if name.is_empty() { "…" } else { name }.to_owned());
        rest = after;
    }
    text.marked.push_str(rest);
    text
}

/// The first argument of a macro such as `format!`.
fn first_text(input: syn::parse::ParseStream<'_>) -> syn::Result<LitStr> {
    let text = input.parse()?;
    input.parse::<proc_macro2::TokenStream>()?;
    Ok(text)
}

/// The items of `vec![…]`.
fn array(input: syn::parse::ParseStream<'_>) -> syn::Result<syn::ExprArray> {
    Ok(syn::ExprArray {
        attrs: Vec::new(),
        bracket_token: syn::token::Bracket::default(),
        elems: input.parse_terminated(<Expr as syn::parse::Parse>::parse, syn::Token![,])?,
    })
}

/// Whether the chain is `KeyPrefix::from(…)`, which adds no `:`.
fn is_from(expr: &Expr) -> bool {
    matches!(plain(expr), Expr::Call(call) if last_name(&call.func).as_deref() == Some("from"))
}

/// Whether a call is made on something that is called a cache: `cache()`, `self.cache`, `job_cache`.
pub(super) fn is_on_a_cache(call: &ExprMethodCall) -> bool {
    let name = match plain(&call.receiver) {
        Expr::Call(call) => last_name(&call.func),
        Expr::MethodCall(call) => Some(call.method.to_string()),
        Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => Some(name.to_string()),
            syn::Member::Unnamed(_) => None,
        },
        other => last_name(other),
    };
    name.is_some_and(|name| name.to_lowercase().ends_with("cache"))
}

/// Methods that return the same text.
const SAME_TEXT: [&str; 7] = [
    "to_owned",
    "to_string",
    "into",
    "as_str",
    "clone",
    "as_ref",
    "borrow",
];

/// Methods that return the same items.
pub(super) const PASSES_ON: [&str; 6] =
    ["collect", "into_iter", "iter", "to_vec", "cloned", "copied"];

/// Constructors of `Duration`, and the milliseconds of one of their units.
const UNITS: [(&str, u64); 5] = [
    ("from_millis", 1),
    ("from_secs", 1_000),
    ("from_mins", 60_000),
    ("from_hours", 3_600_000),
    ("from_days", 86_400_000),
];

#[cfg(test)]
mod tests;
