//! `ETag`, and `304 Not Modified` for who has the answer already.

use http::{HeaderMap, HeaderValue};

/// What an `ETag` promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Strength {
    /// The same meaning: holds although a layer further out compresses.
    #[default]
    Weak,
    /// The same bytes.
    Strong,
    /// None is made.
    Off,
}

/// From the body's bytes: 128 bits of a hash whose collisions nobody can make, so that no content passes for another.
pub(super) fn of(body: &[u8], strength: Strength) -> Option<HeaderValue> {
    let mark = match strength {
        Strength::Weak => "W/",
        Strength::Strong => "",
        Strength::Off => return None,
    };
    let hex = blake3::hash(body).to_hex();
    HeaderValue::from_str(&format!("{mark}\"{}\"", &hex[..32])).ok()
}

/// Does `If-None-Match` name it? The weak comparison of RFC 9110: marks do not count.
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

/// Without the mark and the quotes.
fn opaque(tag: &str) -> Option<&str> {
    tag.strip_prefix("W/")
        .unwrap_or(tag)
        .strip_prefix('"')?
        .strip_suffix('"')
}

/// What stands between quotes; commas may. Marks and separators are what remains.
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
