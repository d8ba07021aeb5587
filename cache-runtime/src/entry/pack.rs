//! Compressed payloads, for functions with `compress`: four bytes of length, and the compressed bytes.
//!
//! The length is checked against a limit before anything is allocated, because the data in Redis may be damaged.

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Zstandard, level 3 (RFC 8878). Feature `zstd`.
    Zstd,
    /// LZ4 blocks. Feature `lz4`.
    Lz4,
}

/// The number of bytes before the compressed ones, which contain the uncompressed length.
const LENGTH: usize = 4;

/// Compresses the payload; `None` if that saves nothing, or this build lacks the compression.
pub(crate) fn pack(payload: &[u8], how: Compression) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok()?;
    let compressed = compress(payload, how)?;
    if LENGTH + compressed.len() >= payload.len() {
        return None;
    }
    let mut packed = Vec::with_capacity(LENGTH + compressed.len());
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&compressed);
    Some(packed)
}

/// Decompresses the payload. `None`: it is damaged, longer than `limit`, or this build lacks the compression.
pub(crate) fn unpack(packed: &[u8], how: Compression, limit: usize) -> Option<Vec<u8>> {
    let (length, compressed) = packed.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > limit {
        return None;
    }
    decompress(compressed, how, length).filter(|payload| payload.len() == length)
}

#[cfg_attr(
    not(any(feature = "zstd", feature = "lz4")),
    allow(unused_variables, reason = "no feature, nothing to do")
)]
fn compress(payload: &[u8], how: Compression) -> Option<Vec<u8>> {
    match how {
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::bulk::compress(payload, 3).ok(),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => Some(lz4_flex::block::compress(payload)),
        #[allow(unreachable_patterns, reason = "both features are on")]
        _ => None,
    }
}

#[cfg_attr(
    not(any(feature = "zstd", feature = "lz4")),
    allow(unused_variables, reason = "no feature, nothing to do")
)]
fn decompress(compressed: &[u8], how: Compression, length: usize) -> Option<Vec<u8>> {
    match how {
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::bulk::decompress(compressed, length).ok(),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4_flex::block::decompress(compressed, length).ok(),
        #[allow(unreachable_patterns, reason = "both features are on")]
        _ => None,
    }
}

/// Stands in what a function with this compression expands to: nothing, with the feature.
#[cfg(feature = "zstd")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_zstd {
    () => {};
}

/// Stands in what a function with this compression expands to: an error, without the feature.
#[cfg(not(feature = "zstd"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_zstd {
    () => {
        ::core::compile_error!("`compress = \"zstd\"` needs the feature `zstd` of `cache-runtime`");
    };
}

/// Stands in what a function with this compression expands to: nothing, with the feature.
#[cfg(feature = "lz4")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_lz4 {
    () => {};
}

/// Stands in what a function with this compression expands to: an error, without the feature.
#[cfg(not(feature = "lz4"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_lz4 {
    () => {
        ::core::compile_error!("`compress = \"lz4\"` needs the feature `lz4` of `cache-runtime`");
    };
}

#[cfg(all(test, feature = "zstd", feature = "lz4"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Compression; 2] = [Compression::Zstd, Compression::Lz4];

    #[test]
    fn rows_shrink_and_grow_back() {
        let rows: String = (0..200)
            .map(|id| format!(r#"{{"id":{id},"title":"a job"}}"#))
            .collect();
        for how in BOTH {
            let packed = pack(rows.as_bytes(), how).unwrap();
            assert!(
                packed.len() * 2 < rows.len(),
                "{how:?}: {} bytes",
                packed.len()
            );
            assert_eq!(unpack(&packed, how, rows.len()).unwrap(), rows.as_bytes());
            assert_eq!(
                unpack(&packed, how, rows.len() - 1),
                None,
                "above the limit"
            );
        }
    }

    #[test]
    fn what_would_not_get_smaller_stays_local() {
        for how in BOTH {
            assert_eq!(pack(b"abc", how), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_or_are_refused(bytes: Vec<u8>, noise: Vec<u8>) {
            for how in BOTH {
                if let Some(packed) = pack(&bytes, how) {
                    prop_assert_eq!(unpack(&packed, how, bytes.len()), Some(bytes.clone()));
                }
                // Also for damaged lengths: nothing above the limit is allocated, and nothing panics.
                if let Some(grown) = unpack(&noise, how, 1 << 16) {
                    prop_assert!(grown.len() <= 1 << 16);
                }
            }
        }
    }
}
