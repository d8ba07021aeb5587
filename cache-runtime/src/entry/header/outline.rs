//! What the first bytes of a value tell to a person: the header without its payload, and without checking the checksum.

use super::{
    ENTRY, FAILED, FINGERPRINT, FLAGS_AT, HEAD, KIND_AT, LEASE, LOAD, LZ4, MAGIC, NAMESPACE, NONE,
    TEMPLATE, TTL, Tags, VERSION, VERSION_AT, WRITTEN, ZSTD, label, u32_at, u64_at,
};
use crate::entry::header::{CODEC_AT, Stamp};
use crate::entry::kind::CodecKind;
use crate::entry::pack::Compression;

/// What the first bytes of a value say that it is.
#[derive(Debug)]
pub(crate) enum Outlined<'a> {
    /// Not written by this library.
    Foreign,
    /// Written by this library, in another namespace.
    OtherNamespace,
    /// A load is under way.
    Lease,
    /// A load has just failed.
    Failed,
    /// Written by this library in a format, or with a mark, that this build does not read: why.
    Unreadable(String),
    /// An entry.
    Entry(Outline<'a>),
}

/// The header of an entry.
#[derive(Debug)]
pub(crate) struct Outline<'a> {
    pub(crate) stamp: Stamp,
    /// The server's time when it was written, in ms.
    pub(crate) written_ms: u64,
    /// How long it is fresh, in ms.
    pub(crate) ttl_ms: u64,
    /// How long its load took, in ms.
    pub(crate) load_ms: u32,
    pub(crate) template: u64,
    pub(crate) fingerprint: u64,
    pub(crate) codec: CodecKind,
    /// The value is `None`.
    pub(crate) none: bool,
    pub(crate) packed: Option<Compression>,
    /// `None` if the bytes end before the tags do.
    pub(crate) tags: Option<Tags<'a>>,
}

/// Reads a header. `namespace`: hash of the reader's namespace.
pub(crate) fn outline(bytes: &[u8], namespace: u64) -> Outlined<'_> {
    if bytes.len() < HEAD || !bytes.starts_with(&MAGIC) {
        return Outlined::Foreign;
    }
    let format = bytes[VERSION_AT];
    if format != VERSION {
        return Outlined::Unreadable(format!(
            "it has format {format}, and this build reads format {VERSION}"
        ));
    }
    if u64_at(bytes, NAMESPACE) != Some(namespace) {
        return Outlined::OtherNamespace;
    }
    match bytes[KIND_AT] {
        LEASE => Outlined::Lease,
        FAILED => Outlined::Failed,
        ENTRY => match entry(bytes, namespace) {
            Ok(outline) => Outlined::Entry(outline),
            Err(why) => Outlined::Unreadable(why),
        },
        kind => Outlined::Unreadable(format!(
            "it is of kind {kind}, which this build does not know"
        )),
    }
}

fn entry(bytes: &[u8], namespace: u64) -> Result<Outline<'_>, String> {
    let short = || "its header is cut off".to_owned();
    let flags = bytes[FLAGS_AT];
    let packed = match flags & !NONE {
        0 => None,
        ZSTD => Some(Compression::Zstd),
        LZ4 => Some(Compression::Lz4),
        _ => {
            return Err(format!(
                "it has a flag that this build does not know ({flags:#04x})"
            ));
        }
    };
    let codec = CodecKind::from_byte(bytes[CODEC_AT])
        .ok_or_else(|| format!("its codec {} is not known to this build", bytes[CODEC_AT]))?;
    let label = label(bytes, namespace).ok_or_else(short)?;
    Ok(Outline {
        stamp: label.stamp,
        written_ms: u64_at(bytes, WRITTEN).ok_or_else(short)?,
        ttl_ms: u64_at(bytes, TTL).ok_or_else(short)?,
        load_ms: u32_at(bytes, LOAD).ok_or_else(short)?,
        template: u64_at(bytes, TEMPLATE).ok_or_else(short)?,
        fingerprint: u64_at(bytes, FINGERPRINT).ok_or_else(short)?,
        codec,
        none: flags & NONE != 0,
        packed,
        tags: label.tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Draft, lease_head};

    fn sealed(tags: &[String]) -> Vec<u8> {
        let draft = Draft {
            id: [7; 16],
            stamp: Stamp {
                namespace: 1,
                ..Stamp::default()
            },
            ttl_ms: 60_000,
            load_ms: 12,
            template: 3,
            fingerprint: 4,
            codec: CodecKind::Json,
            none: false,
            packed: None,
            tags,
            payload: b"[1]",
        };
        let (head, rest) = draft.seal();
        [&head[..], &5_u64.to_le_bytes(), &rest].concat()
    }

    #[test]
    fn the_header_of_an_entry_is_read_from_its_first_bytes() {
        let tags = ["author:7".to_owned()];
        let bytes = sealed(&tags);
        let Outlined::Entry(outline) = outline(&bytes[..bytes.len() - 3], 1) else {
            panic!("an entry");
        };
        assert_eq!(
            (outline.written_ms, outline.ttl_ms, outline.load_ms),
            (5, 60_000, 12)
        );
        assert_eq!(
            (outline.codec, outline.none, outline.packed),
            (CodecKind::Json, false, None)
        );
        assert_eq!(outline.tags.unwrap().collect::<Vec<_>>(), ["author:7"]);
    }

    #[test]
    fn whatever_is_no_entry_is_named_and_nothing_panics() {
        let mut bytes = sealed(&[]);
        for length in 0..bytes.len() {
            let _ = outline(&bytes[..length], 1);
        }
        assert!(matches!(outline(&bytes, 2), Outlined::OtherNamespace));
        assert!(matches!(outline(&[b'x'; 200], 1), Outlined::Foreign));
        let stamp = Stamp {
            namespace: 1,
            ..Stamp::default()
        };
        assert!(matches!(
            outline(&lease_head([0; 16], stamp), 1),
            Outlined::Lease
        ));
        for (at, value, word) in [
            (VERSION_AT, 9, "format 9"),
            (KIND_AT, 9, "kind 9"),
            (CODEC_AT, 9, "codec 9"),
            (FLAGS_AT, 6, "flag"),
        ] {
            let before = bytes[at];
            bytes[at] = value;
            let Outlined::Unreadable(why) = outline(&bytes, 1) else {
                panic!("byte {at} is not noticed");
            };
            assert!(why.contains(word), "{why}");
            bytes[at] = before;
        }
    }
}
