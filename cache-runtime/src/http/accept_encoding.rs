//! Which content codings a client accepts (`Accept-Encoding`; RFC 9110, section 12.5.3).

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use crate::cacheable::coding::Coding;
use crate::cacheable::prepared::Form;

/// The weight of a coding in thousandths; 0 if it is not accepted.
type Weight = u16;

/// The codings that a client accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AcceptEncoding {
    gzip: Weight,
    zstd: Weight,
    /// Uncompressed. `None`: not named, so acceptable, but everything that is named is preferred.
    identity: Option<Weight>,
}

impl AcceptEncoding {
    /// Without the header, only the uncompressed form is sent: the client may know no coding at all.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut gzip, mut zstd, mut identity, mut rest) = (None, None, None, None);
        let lines = headers.get_all(ACCEPT_ENCODING).iter();
        let members = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        for (name, weight) in members.filter_map(member) {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            let named = match name {
                "*" => &mut rest,
                _ if is("gzip") || is("x-gzip") => &mut gzip,
                _ if is("zstd") => &mut zstd,
                _ if is("identity") => &mut identity,
                _ => continue,
            };
            named.get_or_insert(weight);
        }
        Self {
            gzip: gzip.or(rest).unwrap_or(0),
            zstd: zstd.or(rest).unwrap_or(0),
            identity: identity.or(rest),
        }
    }

    /// The form to send: of those with the largest weight, the smallest. `None`: the uncompressed body, also if the client
    /// does not accept it and nothing else is there, as the RFC allows.
    pub(super) fn best<'a>(&self, forms: &'a [Form]) -> Option<&'a Form> {
        let identity = self.identity.unwrap_or(0);
        forms
            .iter()
            .filter(|form| self.accepts(form) && self.weight(form.coding) >= identity)
            .max_by_key(|form| (self.weight(form.coding), Reverse(form.body.len())))
    }

    pub(super) fn accepts(&self, form: &Form) -> bool {
        self.weight(form.coding) > 0
    }

    pub(super) fn accepts_identity(&self) -> bool {
        self.identity != Some(0)
    }

    fn weight(&self, coding: Coding) -> Weight {
        match coding {
            Coding::Gzip => self.gzip,
            Coding::Zstd => self.zstd,
        }
    }
}

/// The name and weight of a member of the list; `None` if its weight is invalid.
fn member(text: &str) -> Option<(&str, Weight)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?;
    let is_weight = |part: &&str| part.starts_with("q=") || part.starts_with("Q=");
    let weight = match parts.find(is_weight) {
        Some(part) => thousandths(&part[2..])?,
        None => 1000,
    };
    Some((name, weight))
}

/// A weight: `0` or `1`, and up to three decimals.
fn thousandths(text: &str) -> Option<Weight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let decimals: Weight = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", _) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn accepted(text: &str) -> AcceptEncoding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, text.parse().unwrap());
        AcceptEncoding::of(&headers)
    }

    /// The name of the form that is sent of a body with a shorter zstd form and a longer gzip form.
    fn sent(accept: AcceptEncoding) -> &'static str {
        let form = |coding, body| Form {
            coding,
            body: Bytes::from_static(body),
            etag: HeaderValue::from_static("\"\""),
        };
        let forms = [form(Coding::Gzip, b"longer"), form(Coding::Zstd, b"short")];
        accept
            .best(&forms)
            .map_or("identity", |form| form.coding.name())
    }

    #[test]
    fn the_largest_weight_decides_and_then_the_size() {
        for (header, form) in [
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip, deflate, br", "gzip"),
            ("X-GZIP", "gzip"),
            ("deflate, br", "identity"),
            ("", "identity"),
            ("zstd;q=0.5, gzip; Q=0.8", "gzip"),
            ("zstd;q=0, *", "gzip"),
            ("gzip;q=0.001", "gzip"),
            ("gzip;q=0", "identity"),
            ("gzip;q=0.5, identity", "identity"),
            ("gzip;q=0.5, identity;q=0.5", "gzip"),
            ("*", "zstd"),
            ("*;q=0, gzip;q=0.1", "gzip"),
            ("identity;q=0", "identity"),
            ("gzip;q=2, zstd;q=0.0001", "identity"),
            ("gzip;q=", "identity"),
            ("gzip;level=9;q=0.000", "identity"),
        ] {
            assert_eq!(sent(accepted(header)), form, "{header}");
        }
        assert_eq!(sent(AcceptEncoding::of(&HeaderMap::new())), "identity");
    }

    #[test]
    fn uncompressed_is_accepted_unless_it_is_excluded() {
        for header in ["gzip", "identity;q=0.1", "*", "*;q=0, identity"] {
            assert!(accepted(header).accepts_identity(), "{header}");
        }
        for header in ["gzip, identity;q=0", "gzip, *;q=0.0"] {
            assert!(!accepted(header).accepts_identity(), "{header}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(sent(AcceptEncoding::of(&headers)), "gzip");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[ -~]{0,40}", list in "((gzip|\\*|identity|zstd)(;q=[01]?\\.?[0-9]{0,4})?,? ?){0,5}") {
            for text in [text, list] {
                let accept = accepted(&text);
                prop_assert!(accept.gzip <= 1000 && accept.zstd <= 1000 && accept.identity <= Some(1000));
            }
        }
    }
}
