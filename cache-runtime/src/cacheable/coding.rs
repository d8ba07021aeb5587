//! Content codings: the compressed forms of a body that an HTTP client may ask for (RFC 9110, section 8.4.1).

/// A compressed form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip = 1,
    Zstd = 2,
}

impl Coding {
    /// All of them, the one that usually compresses best first.
    pub(crate) const ALL: [Self; 2] = [Self::Zstd, Self::Gzip];

    /// Its name in `Content-Encoding` and `Accept-Encoding`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Its byte in a stored value.
    pub(super) const fn to_byte(self) -> u8 {
        self as u8
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|coding| coding.to_byte() == byte)
    }

    /// The compressed body; `None` if this build lacks the coding.
    #[cfg_attr(
        not(feature = "compression"),
        allow(
            unused_variables,
            reason = "without the feature, nothing is compressed"
        )
    )]
    pub(super) fn compress(self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            #[cfg(feature = "compression")]
            Self::Gzip => gzip(body).ok(),
            #[cfg(all(feature = "compression", feature = "zstd"))]
            Self::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).ok(),
            #[allow(unreachable_patterns, reason = "all features are on")]
            _ => None,
        }
    }
}

/// A body is compressed once and sent often, so it may cost more time than the level 3 that is usual for single answers.
#[cfg(all(feature = "compression", feature = "zstd"))]
const ZSTD_LEVEL: i32 = 6;

#[cfg(feature = "compression")]
fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_known_by_its_byte() {
        for coding in Coding::ALL {
            assert_eq!(Coding::from_byte(coding.to_byte()), Some(coding));
        }
        assert_eq!(Coding::from_byte(0), None);
    }
}
