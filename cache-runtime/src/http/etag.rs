//! `ETag` values, and their comparison with `If-None-Match`.

use http::{HeaderMap, HeaderValue};

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

/// Makes an `ETag` from the body: 128 bits of a cryptographic hash, so that nobody can construct two bodies with the
/// same one.
pub(super) fn of(body: &[u8], strength: Strength) -> Option<HeaderValue> {
    let mark = match strength {
        Strength::Weak => "W/",
        Strength::Strong => "",
        Strength::Off => return None,
    };
    let hex = blake3::hash(body).to_hex();
    HeaderValue::from_str(&format!("{mark}\"{}\"", &hex[..32])).ok()
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
    fn a_tag_tells_bodies_apart() {
        let of = |body: &str| of(body.as_bytes(), Strength::Weak).unwrap();
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_eq!(of("").len(), 36);
    }
}
