//! The meanings of names in the source: constants, functions that build keys, named TTLs.
//!
//! A declaration in the same file comes before those in others. A name that is declared twice with different meanings has none:
//! the map does not guess which one is meant.

use std::collections::HashMap;
use std::time::Duration;

use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Ident, LitStr, ReturnType, Stmt, Token, Type, Visibility};

use crate::ctl::map::expr::source_of;
use crate::ctl::map::skipped::{is_for_tests, of_item};
use crate::ttl;

/// Names that one file declares, or all files together.
#[derive(Default)]
pub(super) struct Names {
    constants: Meanings<Expr>,
    builders: Meanings<Expr>,
    ttls: Meanings<Duration>,
}

/// The meaning of each name; `None` if it is not known.
type Meanings<T> = HashMap<String, Option<T>>;

/// The names that a file sees.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    own: &'a Names,
    all: &'a Names,
}

impl Names {
    /// Adds what a file declares.
    pub(super) fn add(&mut self, file: &syn::File) {
        self.visit_file(file);
    }
}

impl<'a> Known<'a> {
    /// The names of one file before those of all files.
    pub(super) fn new(own: &'a Names, all: &'a Names) -> Self {
        Self { own, all }
    }

    /// The value of a constant, and the names that are seen where it stands.
    pub(super) fn constant(self, name: &str) -> Option<(&'a Expr, Self)> {
        self.find(name, |names| &names.constants)
    }

    /// The expression that a function returns which builds a key, a tag or a prefix, and the names that are seen there.
    pub(super) fn builder(self, name: &str) -> Option<(&'a Expr, Self)> {
        self.find(name, |names| &names.builders)
    }

    /// How long a TTL of this name is, which the source declares with `ttl_names!`: `None` if it does not, and
    /// `Some(None)` if it does so with several durations, or with something else.
    pub(super) fn ttl(self, name: &str) -> Option<Option<Duration>> {
        let own = self.own.ttls.get(name);
        let length = *own.or_else(|| self.all.ttls.get(name))?;
        Some(length.map(|length| ttl::overridden(name, length)))
    }

    fn find(
        self,
        name: &str,
        of: impl Fn(&'a Names) -> &'a Meanings<Expr>,
    ) -> Option<(&'a Expr, Self)> {
        match of(self.own).get(name) {
            Some(meaning) => Some((meaning.as_ref()?, self)),
            None => {
                let meaning = of(self.all).get(name)?.as_ref()?;
                Some((meaning, Self::new(self.all, self.all)))
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            item if is_for_tests(of_item(item)) => {}
            syn::Item::Const(item) => {
                add_expr(&mut self.constants, &item.ident, Some(&item.expr));
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if returns_a_name(&item.sig.output) {
            add_expr(&mut self.builders, &item.sig.ident, returned(&item.block));
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if returns_a_name(&item.sig.output) {
            add_expr(&mut self.builders, &item.sig.ident, returned(&item.block));
        }
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        let is_ttl_names = invoked
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "ttl_names");
        let declared = Punctuated::<TtlName, Token![;]>::parse_terminated;
        if is_ttl_names && let Ok(declared) = declared.parse2(invoked.tokens.clone()) {
            for TtlName { name, default } in declared {
                let length = ttl::parse_duration(&default.value()).ok();
                let known = self.ttls.entry(name.to_string()).or_insert(length);
                if *known != length {
                    *known = None;
                }
            }
        }
    }
}

/// `pub ARTICLES_LIST = "60s"`
struct TtlName {
    name: Ident,
    default: LitStr,
}

impl Parse for TtlName {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let default = input.parse()?;
        Ok(Self { name, default })
    }
}

fn add_expr(all: &mut Meanings<Expr>, name: &Ident, meaning: Option<&Expr>) {
    all.entry(name.to_string())
        .and_modify(|known| {
            let same = known.as_ref().map(source_of) == meaning.map(source_of);
            if !same {
                *known = None;
            }
        })
        .or_insert_with(|| meaning.cloned());
}

/// Whether a function returns a key, a tag or a prefix.
fn returns_a_name(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else {
        return false;
    };
    matches!(&**ty, Type::Path(ty) if ty.path.segments.last().is_some_and(|last| {
        ["CacheKey", "KeyPrefix", "Tag"].iter().any(|name| last.ident == name)
    }))
}

/// The expression that a body consists of, if it consists of one.
fn returned(body: &Block) -> Option<&Expr> {
    match body.stmts.as_slice() {
        [Stmt::Expr(Expr::Return(returned), _)] => returned.expr.as_deref(),
        [Stmt::Expr(expr, None)] => Some(expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Names {
        let mut names = Names::default();
        names.add(&syn::parse_str(source).unwrap());
        names
    }

    #[test]
    fn named_ttls_are_read_where_they_are_declared() {
        let all = names(
            "cache_runtime::ttl_names! { /// Pages.\n pub PAGES = \"60s\"; DRAFTS = \"1h 30m\" }
             mod inner { ttl_names! { pub(crate) TWICE = \"1s\"; SOON = \"soon\"; } }
             mod other { ttl_names! { TWICE = \"2s\"; PAGES = \"1m\"; } }",
        );
        let own = names("ttl_names! { TWICE = \"3s\"; }");
        let seconds =
            |known: Known<'_>, name| known.ttl(name).map(|ttl| ttl.map(|ttl| ttl.as_secs()));
        let known = Known::new(&all, &all);
        assert_eq!(seconds(known, "PAGES"), Some(Some(60)));
        assert_eq!(seconds(known, "DRAFTS"), Some(Some(5_400)));
        assert_eq!(
            seconds(known, "TWICE"),
            Some(None),
            "which one is not known"
        );
        assert_eq!(seconds(known, "SOON"), Some(None));
        assert_eq!(seconds(known, "LIST"), None);
        assert_eq!(seconds(Known::new(&own, &all), "TWICE"), Some(Some(3)));
    }

    #[test]
    fn builders_and_constants_are_found() {
        let all = names(
            "const A: &str = \"a\";
             fn key(id: u64) -> CacheKey { CacheKey::user(id) }
             fn longer() -> CacheKey { let a = 1; CacheKey::user(a) }
             impl Keys { fn tag() -> Tag { return Tag::of(\"x\"); } }
             mod one { const B: u8 = 1; const C: u8 = 1; } mod two { const B: u8 = 2; const C: u8 = 1; }
             #[cfg(test)] mod tests { const A: &str = \"b\"; }",
        );
        let own = names("const B: u8 = 3; const A: &str = \"own\";");
        let known = Known::new(&all, &all);
        let builds = |name| known.builder(name).is_some();
        assert!(builds("key") && builds("tag") && !builds("longer") && !builds("other"));
        let value =
            |known: Known<'_>, name| known.constant(name).map(|(value, _)| source_of(value));
        assert!(value(known, "A").is_some() && value(known, "B").is_none());
        assert!(value(known, "C").is_some(), "declared twice alike");
        assert!(value(Known::new(&own, &all), "B").is_some());
    }
}
