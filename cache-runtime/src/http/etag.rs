//! `ETag` values, and their comparison with `If-None-Match`.

use http::{HeaderMap, HeaderValue};

use crate::cacheable::prepared::{tag_of, weak_etag};

/// The guarantee of equal `ETag`s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Strength {
    /// The same content; stays true if an outer layer compresses the body.
    #[default]
    Weak,
    /// The same bytes.
    Strong,
    /// No `ETag` is added.
    Off,
}

/// Makes an `ETag` from the body.
pub(super) fn of(body: &[u8], strength: Strength) -> Option<HeaderValue> {
    match strength {
        Strength::Off => None,
        _ => with_strength(&weak_etag(&tag_of(body), None), strength),
    }
}

/// The weak `ETag` with this strength.
pub(super) fn with_strength(weak: &HeaderValue, strength: Strength) -> Option<HeaderValue> {
    match strength {
        Strength::Weak => Some(weak.clone()),
        Strength::Strong => HeaderValue::from_bytes(weak.as_bytes().strip_prefix(b"W/")?).ok(),
        Strength::Off => None,
    }
}

/// Whether `If-None-Match` names the `ETag`. The weak comparison of RFC 9110: the `W/` marks are ignored.
pub(super) fn matches(if_none_match: &HeaderMap, etag: &HeaderValue) -> bool {
    let Some(own) = etag.to_str().ok().and_then(|etag| opaque(etag.trim())) else {
        return false;
    };
    if_none_match
        .get_all(http::header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.trim() == "*" || tags(value).any(|tag| tag == own))
}

/// The `ETag` without its mark and quotes.
fn opaque(tag: &str) -> Option<&str> {
    tag.strip_prefix("W/")
        .unwrap_or(tag)
        .strip_prefix('"')?
        .strip_suffix('"')
}

/// The texts between quotes, which may contain commas. Marks and separators are outside the quotes.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split('"').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, etag: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", text.parse().unwrap());
        matches(&headers, &HeaderValue::from_static(etag))
    }

    #[test]
    fn marks_do_not_count_and_lists_are_read() {
        assert!(asked("\"a\"", "W/\"a\"") && asked("W/\"a\"", "\"a\""));
        assert!(asked("\"x\", W/\"a,b\" ,\"c\"", "\"a,b\"") && asked("*", "\"a\""));
        assert!(
            !asked("\"ab\"", "\"a\"") && !asked("a", "\"a\"") && !asked("\"x\", \"y\"", "\", \"")
        );
        assert!(!asked("\"", "\"a\"") && !asked("\"a\"", "a"));
    }

    #[test]
    fn a_strong_etag_has_no_mark() {
        let of = |strength| of(b"a", strength);
        let weak = of(Strength::Weak).unwrap();
        let strong = of(Strength::Strong).unwrap();
        assert_eq!(weak, format!("W/{}", strong.to_str().unwrap()));
        assert_eq!(of(Strength::Off), None);
    }
}
