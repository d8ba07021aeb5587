//! How long an entry lives, as far as the source and the environment of this process say it.

use std::time::Duration;

use syn::{Expr, Lit};

use crate::ctl::map::expr::{path_of, plain, source_of};
use crate::ctl::map::names::Known;
use crate::ctl::map::reading::Reading;
use crate::ctl::units;
use crate::ttl;

/// A TTL as it is written, and its length if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// As it is written; empty for the default.
    pub(super) written: String,
    pub(super) length: Option<Duration>,
}

impl Lifetime {
    /// `CACHE_DEFAULT_TTL`.
    pub(super) fn default(length: Duration) -> Self {
        Self {
            written: String::new(),
            length: Some(length),
        }
    }

    /// A TTL of the attribute, or of an operation by hand: a name, a text, a number, or an expression.
    pub(super) fn read(expr: &Expr, reading: Reading<'_>) -> Self {
        if let Expr::Lit(lit) = plain(expr)
            && let Lit::Str(text) = &lit.lit
        {
            return Self::text(&text.value());
        }
        let written = source_of(plain(expr));
        let length = match named(expr, reading.names()) {
            Some(length) => length,
            None => reading.duration(expr),
        };
        Self { written, length }
    }

    /// A name of the library, or a duration.
    fn text(text: &str) -> Self {
        let length = match ttl::named(text) {
            Some(named) => Some(named.get()),
            None => ttl::parse_duration(text).ok(),
        };
        Self {
            written: text.to_owned(),
            length,
        }
    }

    /// For people: `5m 0s`, or what the source says if its length is not known.
    pub(super) fn shown(&self) -> String {
        match self.length {
            Some(length) => units::duration(length),
            None => format!("unknown (`{}`)", self.written),
        }
    }
}

/// A TTL of `ttl_names!`, or one of the library's as a path. `None` if it is no such name.
fn named(expr: &Expr, names: Known<'_>) -> Option<Option<Duration>> {
    let path = path_of(expr);
    let (name, before) = path.split_last()?;
    let is_of_library = match before {
        [.., module] => {
            module == "ttl" && before.first().is_some_and(|first| first == "cache_runtime")
        }
        [] => false,
    };
    if !is_of_library && let Some(length) = names.ttl(name) {
        return Some(length);
    }
    let module_is_ttl = before.last().is_some_and(|module| module == "ttl");
    let is_constant = !name.contains(|c: char| c.is_ascii_lowercase());
    if is_constant && (before.is_empty() || module_is_ttl) {
        return ttl::named(&name.to_lowercase()).map(|named| Some(named.get()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::map::names::Names;
    use crate::ctl::map::variables::Locals;

    #[test]
    fn names_durations_and_expressions_are_read_and_others_are_unknown() {
        let mut names = Names::default();
        let file = "ttl_names! { PAGES = \"90s\"; SHORT = \"7s\"; TWICE = \"1s\"; } mod b { ttl_names! { TWICE = \"2s\"; } }";
        names.add(&syn::parse_str(file).unwrap());
        let locals = Locals::new();
        for (source, seconds) in [
            ("\"list\"", Some(300)),
            ("\"1h30m\"", Some(5_400)),
            ("\"List\"", None),
            ("\"lisst\"", None),
            ("120", Some(120)),
            ("PAGES", Some(90)),
            ("crate::ttl::PAGES", Some(90)),
            ("&ttl::USER_CONTEXT", Some(900)),
            ("SHORT", Some(7)),
            ("cache_runtime::ttl::SHORT", Some(60)),
            ("TWICE", None),
            ("Duration::from_secs(5)", Some(5)),
            ("if vip { 1 } else { 2 }", None),
        ] {
            let expr = syn::parse_str(source).unwrap();
            let read = Lifetime::read(&expr, Reading::new(Known::new(&names, &names), &locals));
            assert_eq!(
                read.length.map(|length| length.as_secs()),
                seconds,
                "{source}"
            );
        }
    }
}
