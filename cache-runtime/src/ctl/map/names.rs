//! What names in the source stand for: constants, functions that build keys, named TTLs.
//!
//! A name that is declared twice with different meanings stands for neither: which one is meant is not guessed.

use std::collections::HashMap;
use std::time::Duration;

use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Ident, LitStr, ReturnType, Stmt, Token, Type, Visibility};

use crate::ctl::map::skipped::is_for_tests;
use crate::ttl;

/// The names of all files together.
#[derive(Default)]
pub(super) struct Names {
    constants: HashMap<String, Option<Expr>>,
    builders: HashMap<String, Option<Expr>>,
    ttls: HashMap<String, Option<Duration>>,
}

impl Names {
    /// Adds what a file declares.
    pub(super) fn add(&mut self, file: &syn::File) {
        self.visit_file(file);
    }

    /// The value of a constant.
    pub(super) fn constant(&self, name: &str) -> Option<&Expr> {
        self.constants.get(name)?.as_ref()
    }

    /// The expression that a function returns which builds a key, a tag or a prefix.
    pub(super) fn builder(&self, name: &str) -> Option<&Expr> {
        self.builders.get(name)?.as_ref()
    }

    /// How long a TTL of this name is, which the source declares with `ttl_names!`: `None` if it does not, and
    /// `Some(None)` if it does so twice, or not with a duration.
    pub(super) fn ttl(&self, name: &str) -> Option<Option<Duration>> {
        let length = *self.ttls.get(name)?;
        Some(length.map(|length| ttl::overridden(name, length)))
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Mod(module) if is_for_tests(&module.attrs) => {}
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

fn add_expr(all: &mut HashMap<String, Option<Expr>>, name: &Ident, meaning: Option<&Expr>) {
    all.entry(name.to_string())
        .and_modify(|known| *known = None)
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
        let names = names(
            "cache_runtime::ttl_names! { /// Pages.\n pub PAGES = \"60s\"; DRAFTS = \"1h 30m\" }
             mod inner { ttl_names! { pub(crate) TWICE = \"1s\"; SOON = \"soon\"; } }
             mod other { ttl_names! { TWICE = \"2s\"; } }",
        );
        let seconds = |name| names.ttl(name).map(|ttl| ttl.map(|ttl| ttl.as_secs()));
        assert_eq!(seconds("PAGES"), Some(Some(60)));
        assert_eq!(seconds("DRAFTS"), Some(Some(5_400)));
        assert_eq!(seconds("TWICE"), Some(None), "which one is not known");
        assert_eq!(seconds("SOON"), Some(None));
        assert_eq!(seconds("LIST"), None);
    }

    #[test]
    fn builders_and_constants_are_found() {
        let names = names(
            "const A: &str = \"a\";
             fn key(id: u64) -> CacheKey { CacheKey::user(id) }
             fn longer() -> CacheKey { let a = 1; CacheKey::user(a) }
             impl Keys { fn tag() -> Tag { return Tag::of(\"x\"); } }
             mod one { const B: u8 = 1; } mod two { const B: u8 = 2; }
             #[cfg(test)] mod tests { const A: &str = \"b\"; }",
        );
        assert!(names.builder("key").is_some() && names.builder("tag").is_some());
        assert!(names.builder("longer").is_none() && names.builder("other").is_none());
        assert!(names.constant("A").is_some() && names.constant("B").is_none());
    }
}
