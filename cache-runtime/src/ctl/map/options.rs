//! Reads the options of `#[cached(…)]`, as `cache-macros/src/options/` does when it compiles them.
//!
//! Options that the attribute would refuse are left out here: the compiler reports them better.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, Lit, Meta, Token, parenthesized, token};

use crate::ctl::map::expr::{plain, source_of};
use crate::ctl::map::imports::Imports;
use crate::ctl::map::skipped::needs_test;

/// The options that decide what is stored, and what is removed.
#[derive(Clone, Default)]
pub(super) struct Options {
    pub(super) ttl: Option<Expr>,
    pub(super) key: Option<Expr>,
    pub(super) tags: Option<Expr>,
    /// Texts, each with its line.
    pub(super) invalidates: Vec<(String, usize)>,
    /// Expressions that give patterns.
    pub(super) computed: Vec<Expr>,
    /// What these name at most.
    pub(super) within: Vec<(String, usize)>,
    pub(super) put: bool,
    pub(super) skip: Vec<String>,
    pub(super) companions: Companions,
    /// How long a value may be served after its TTL, as it is written.
    pub(super) stale: Option<String>,
    /// As it is written.
    pub(super) near: Option<String>,
}

/// `companions = …`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Companions {
    /// As they are without the option.
    #[default]
    Usual,
    /// `false`
    None,
    Named(String),
}

impl Options {
    /// The options of each `#[cached]` of these attributes; also of those in a `#[cfg_attr]`. An error is the reason why they
    /// are not understood. `blocks`: what `#[cached_defaults]` says around the function, the innermost last.
    pub(super) fn all(
        attrs: &[Attribute],
        imports: &Imports,
        blocks: &[Self],
    ) -> Vec<Result<Self, String>> {
        let mut all = Self::named("cached", attrs, imports);
        for options in all.iter_mut().flatten() {
            blocks.iter().rev().for_each(|block| options.add(block));
        }
        all.retain(|read| read.as_ref().map_or(true, Self::do_something));
        all
    }

    /// The options of each `#[cached_defaults]` of a block.
    pub(super) fn shared(attrs: &[Attribute], imports: &Imports) -> Vec<Self> {
        let all = Self::named("cached_defaults", attrs, imports);
        all.into_iter().flatten().collect()
    }

    fn named(name: &str, attrs: &[Attribute], imports: &Imports) -> Vec<Result<Self, String>> {
        let mut lists = Vec::new();
        for attr in attrs {
            named_in(&attr.meta, name, imports, &mut lists);
        }
        let all = lists.into_iter().map(|list| Self::read.parse2(list));
        all.map(|read| read.map_err(|why| why.to_string()))
            .collect()
    }

    /// Adds the options of a block, as far as they concern this function.
    fn add(&mut self, block: &Self) {
        if self.companions == Companions::Usual {
            self.companions = block.companions.clone();
        }
        let only_removes = self.removes() && !self.stores();
        if !only_removes {
            self.ttl = self.ttl.take().or_else(|| block.ttl.clone());
            self.near = self.near.take().or_else(|| block.near.clone());
        }
    }

    fn removes(&self) -> bool {
        !self.invalidates.is_empty() || !self.computed.is_empty()
    }

    fn do_something(&self) -> bool {
        self.removes() || self.stores()
    }

    /// Whether the function stores what it returns.
    pub(super) fn stores(&self) -> bool {
        self.ttl.is_some() || self.key.is_some()
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            options.read_option(input)?;
            if input.is_empty() {
                break;
            }
            // Without a comma the attribute does not compile; what comes next is read all the same.
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(options)
    }

    fn read_option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.parse::<Option<Token![?]>>()?.is_some() {
            return input.call(Ident::parse_any).map(drop);
        }
        let name = input.call(Ident::parse_any)?.to_string();
        if input.peek(token::Paren) {
            let inside;
            parenthesized!(inside in input);
            let names = inside.parse_terminated(Ident::parse_any, Token![,])?;
            if name == "skip" {
                self.skip = names.iter().map(ToString::to_string).collect();
            }
            return Ok(());
        }
        if input.parse::<Option<Token![=]>>()?.is_none() {
            self.put |= name == "put";
            return Ok(());
        }
        self.keep(&name, Expr::parse(input)?);
        Ok(())
    }

    fn keep(&mut self, name: &str, value: Expr) {
        match name {
            "ttl" => self.ttl = Some(value),
            "key" => self.key = Some(value),
            "tags" => self.tags = Some(value),
            "invalidates" => {
                self.invalidates = texts(&value);
                self.computed = expressions(value);
            }
            "invalidates_within" => self.within = texts(&value),
            "companions" => self.companions = Companions::read(&value),
            "stale" => self.stale = Some(written(&value)),
            "near" => self.near = Some(written(&value)),
            _ => {}
        }
    }
}

impl Companions {
    fn read(value: &Expr) -> Self {
        match text(value) {
            Some((name, _)) => Self::Named(name),
            None => Self::None,
        }
    }
}

/// Collects what stands in the attributes of this name, which may be nothing.
fn named_in(meta: &Meta, name: &str, imports: &Imports, lists: &mut Vec<TokenStream>) {
    let list = match meta {
        Meta::Path(path) if is_named(path, name, imports) => {
            lists.push(TokenStream::new());
            return;
        }
        Meta::List(list) => list,
        Meta::Path(_) | Meta::NameValue(_) => return,
    };
    if is_named(&list.path, name, imports) {
        lists.push(list.tokens.clone());
    } else if list.path.is_ident("cfg_attr") {
        let parts = Punctuated::<Meta, Token![,]>::parse_terminated;
        let Ok(parts) = list.parse_args_with(parts) else {
            return;
        };
        let mut parts = parts.iter();
        if parts.next().is_some_and(|condition| !needs_test(condition)) {
            parts.for_each(|part| named_in(part, name, imports, lists));
        }
    }
}

/// Whether a path leads to the attribute, by whatever name it is imported. The crate `cached` has an attribute of the same
/// name.
fn is_named(path: &syn::Path, name: &str, imports: &Imports) -> bool {
    let segments = path.segments.iter();
    let path = imports.full(segments.map(|part| part.ident.to_string()).collect());
    let is_of_other = path.len() > 1 && path.first().is_some_and(|first| first == "cached");
    !is_of_other && path.last().is_some_and(|last| last == name)
}

/// A text, or a list of them, each with its line.
pub(super) fn texts(value: &Expr) -> Vec<(String, usize)> {
    match plain(value) {
        Expr::Array(list) => list.elems.iter().filter_map(text).collect(),
        other => text(other).into_iter().collect(),
    }
}

/// The expressions beside texts.
fn expressions(value: Expr) -> Vec<Expr> {
    let items = match value {
        Expr::Array(list) => list.elems.into_iter().collect(),
        other => vec![other],
    };
    let is_expression = |item: &Expr| text(item).is_none();
    items.into_iter().filter(is_expression).collect()
}

fn text(value: &Expr) -> Option<(String, usize)> {
    match plain(value) {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => Some((text.value(), text.span().start().line)),
            _ => None,
        },
        _ => None,
    }
}

/// As it is written, a text without its quotes.
fn written(value: &Expr) -> String {
    text(value).map_or_else(|| source_of(value), |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(attributes: &str) -> Vec<Options> {
        let all = read(attributes).into_iter();
        all.map(|read| read.unwrap_or_else(|why| panic!("{attributes}: {why}")))
            .collect()
    }

    fn read(attributes: &str) -> Vec<Result<Options, String>> {
        let file = format!("use cache_runtime::cached as memo; {attributes} async fn f() {{}}");
        let file = syn::parse_str(&file).unwrap_or_else(|why| panic!("{attributes}: {why}"));
        let imports = Imports::of(&file);
        match &file.items[1] {
            syn::Item::Fn(item) => Options::all(&item.attrs, &imports, &[]),
            _ => panic!("{attributes}"),
        }
    }

    #[test]
    fn every_option_of_the_attribute_can_stand_beside_those_that_are_read() {
        let all = options(
            r##"#[cached(
                ttl = "list", key = r"jobs:<page.skip>", tags = ["a", "b:<id>"], skip(db, r#type, Self),
                invalidates = ["jobs:",
                    "#author:<id>", hidden.then(|| Tag::of("a"))], invalidates_within = "#a", skip_all,
                invalidates_on = "always", when = |found, other| !found.is_empty(), none_ttl = "10s", near = false,
                stale = "5m", stale_on_error = "1h", retry = 5, early, timeout = "2s", soft_timeout = "1s", jitter = "10%",
                outage = "bypass", codec = "json", compress = "zstd", public = reader.is_none(), vary = ["cookie"],
                statuses = [404], cache = self.cache, name = "jobs", companions = "job", crate = ::cache_runtime, ?Send,
            )]"##,
        );
        let [options] = all.as_slice() else {
            panic!("{}", all.len());
        };
        assert!(options.stores() && !options.put);
        let patterns: Vec<&str> = (options.invalidates.iter())
            .map(|(text, _)| text.as_str())
            .collect();
        assert_eq!(patterns, ["jobs:", "#author:<id>"]);
        assert_eq!(options.invalidates[1].1, options.invalidates[0].1 + 1);
        assert_eq!((options.computed.len(), options.within.len()), (1, 1));
        assert_eq!(options.skip, ["db", "r#type", "Self"]);
        assert_eq!(options.companions, Companions::Named("job".into()));
        assert_eq!(options.stale.as_deref(), Some("5m"));
        assert_eq!(options.near.as_deref(), Some("false"));
    }

    #[test]
    fn the_attribute_is_found_by_every_path_and_under_conditions() {
        for attribute in [
            "#[cached(put, key = \"a\")]",
            "#[cache_runtime::cached(put, key = \"a\")]",
            "#[memo(put, key = \"a\")]",
            "#[cfg_attr(feature = \"cache\", cached(put, key = \"a\"))]",
            "#[cfg_attr(unix, inline, cfg_attr(not(test), ::cache_runtime::cached(put, key = \"a\")))]",
        ] {
            let all = options(attribute);
            assert!(all.len() == 1 && all[0].put, "{attribute}");
        }
        let two = "#[cfg_attr(a, cached(ttl = 1))] #[cfg_attr(not(a), cached(ttl = 2))]";
        assert_eq!(options(two).len(), 2);
    }

    #[test]
    fn other_attributes_and_what_exists_in_tests_only_are_left_out() {
        for attribute in [
            "#[inline]",
            "#[cached]",
            "#[cached::proc_macro::cached(ttl = 1)]",
            "#[cfg_attr(test, cached(ttl = 1))]",
            "#[cached = \"x\"]",
            "#[cfg_attr]",
        ] {
            assert!(options(attribute).is_empty(), "{attribute}");
        }
    }

    #[test]
    fn options_that_are_not_understood_are_not_dropped() {
        for attribute in [
            "#[cached(ttl = )]",
            "#[cached(\"jobs\")]",
            "#[cached(skip(1))]",
        ] {
            let all = read(attribute);
            assert!(
                matches!(all.as_slice(), [Err(why)] if !why.is_empty()),
                "{attribute}"
            );
        }
    }
}
