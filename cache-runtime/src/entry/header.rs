//! The binary header of everything that this cache writes to Redis.
//!
//! Numbers are little endian.
//!
//! | bytes | |
//! |---|---|
//! | 0..3 | magic `CA C4 ED` |
//! | 3 | format version, 2 |
//! | 4 | kind: 1 entry, 2 lease, 3 failed mark |
//! | 5 | codec: 1 bincode, 2 JSON, 3 postcard; 0 in leases and marks |
//! | 6 | flags: bit 0, the value is `None` and there is no payload; bit 1, it is compressed by zstd, bit 2, by lz4 |
//! | 7 | 0 |
//! | 8..24 | id: 128 random bits |
//! | 24..32 | namespace: XXH3-64 of it |
//! | 32..40 | origin: hash of the server's `run_id` and reign, and of the ledger's birth |
//! | 40..48 | number: the ledger's, as the loader's process knew it when the load began |
//! | 48..56 | key: XXH3-64 of its text, without the namespace |
//! | 56..64 | written: the server's clock in ms, as the writer knew it when it sent the entry |
//! | 64..72 | lifetime in ms; `written` + lifetime is the deadline |
//! | 72..76 | load time in ms |
//! | 76..80 | length of the tag block |
//! | 80..88 | template hash |
//! | 88..96 | type fingerprint |
//! | 96..104 | checksum: XXH3-64 of 0..56, 64..96 and 104.. |
//! | 104.. | tag block, each tag a `u16` length and UTF-8; then the payload |
//!
//! Leases and failed marks end after 56 bytes. The first 24 bytes identify a write, so scripts compare only those.

#[cfg(feature = "cli")]
mod outline;

use std::borrow::Cow;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

#[cfg(feature = "cli")]
pub(crate) use self::outline::{Outline, Outlined, outline};
use crate::entry::kind::CodecKind;
use crate::entry::pack::{Compression, unpack};

/// A whole lease or failed mark, and the beginning of an entry.
pub(crate) type Head = [u8; HEAD];

/// The first 24 bytes, which are different for each write.
pub(crate) type Identity = [u8; IDENTITY];

/// Where a write belongs, and which removals its writer knew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Hash of the namespace: if one namespace is nested in another, a name in Redis does not show whose it is.
    pub(crate) namespace: u64,
    /// Hash of the server's `run_id` and reign, and of the ledger's birth.
    pub(crate) origin: u64,
    /// The ledger's number when the load began: removals with a larger one came later.
    pub(crate) number: u64,
    /// Hash of the key's text: an entry that was renamed or copied to another key is not valid there.
    pub(crate) key: u64,
}

/// The hash of a key's text that a [`Stamp`] carries.
pub(crate) fn key_hash(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

/// The result of parsing the bytes at a key.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// Not written by this cache: neither overwritten nor deleted.
    Foreign,
    /// A lease: a load is under way.
    Lease { identity: Identity, stamp: Stamp },
    /// A load of another call failed recently.
    Failed,
    /// Written by this cache, but of another format, or damaged: a miss that may be replaced by compare-and-set on its
    /// identity.
    Outdated { identity: Identity },
    /// A value.
    Entry(Entry<'a>),
}

/// A complete entry. The caller decides whether it can be used, by its stamp, deadline, template and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) identity: Identity,
    pub(crate) stamp: Stamp,
    pub(crate) written_ms: u64,
    pub(crate) ttl_ms: u64,
    pub(crate) load_ms: u32,
    pub(crate) template: u64,
    pub(crate) fingerprint: u64,
    pub(crate) codec: CodecKind,
    pub(crate) none: bool,
    /// How the payload was made smaller.
    pub(crate) packed: Option<Compression>,
    pub(crate) payload: &'a [u8],
    tags: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The payload before compression. `None`: it is damaged, longer than `limit`, or this build lacks the
    /// compression.
    pub(crate) fn unpacked(&self, limit: usize) -> Option<Cow<'a, [u8]>> {
        match self.packed {
            None => Some(Cow::Borrowed(self.payload)),
            Some(how) => unpack(self.payload, how, limit).map(Cow::Owned),
        }
    }

    pub(crate) fn tags(&self) -> Tags<'a> {
        Tags { rest: self.tags }
    }
}

/// The tags of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tags<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (tag, rest) = split_tag(self.rest)?;
        self.rest = rest;
        Some(tag)
    }
}

/// Parses the bytes at a key. `namespace`: hash of the reader's namespace.
///
/// Never fails: any bytes have a result. Lengths in the data are compared with its size, never allocated.
pub(crate) fn parse(bytes: &[u8], namespace: u64) -> Stored<'_> {
    let Some(&identity) = bytes
        .first_chunk::<IDENTITY>()
        .filter(|identity| identity.starts_with(&MAGIC))
    else {
        return Stored::Foreign;
    };
    if identity[VERSION_AT] != VERSION {
        return Stored::Outdated { identity };
    }
    if u64_at(bytes, NAMESPACE).is_some_and(|theirs| theirs != namespace) {
        return Stored::Foreign;
    }
    understand(identity, bytes).unwrap_or(Stored::Outdated { identity })
}

fn understand(identity: Identity, bytes: &[u8]) -> Option<Stored<'_>> {
    let stamp = Stamp {
        namespace: u64_at(bytes, NAMESPACE)?,
        origin: u64_at(bytes, ORIGIN)?,
        number: u64_at(bytes, NUMBER)?,
        key: u64_at(bytes, KEY)?,
    };
    let bare = bytes.len() == HEAD && identity[CODEC_AT] == 0 && identity[FLAGS_AT] == 0;
    match identity[KIND_AT] {
        LEASE if bare => Some(Stored::Lease { identity, stamp }),
        FAILED if bare => Some(Stored::Failed),
        ENTRY => understand_entry(identity, stamp, bytes).map(Stored::Entry),
        _ => None,
    }
}

fn understand_entry(identity: Identity, stamp: Stamp, bytes: &[u8]) -> Option<Entry<'_>> {
    let flags = identity[FLAGS_AT];
    let codec = CodecKind::from_byte(identity[CODEC_AT])?;
    let head = bytes.get(..HEAD)?;
    let meta = bytes.get(TTL..CHECKSUM)?;
    let rest = bytes.get(TAGS..)?;
    let packed = match flags & !NONE {
        0 => None,
        ZSTD => Some(Compression::Zstd),
        LZ4 => Some(Compression::Lz4),
        _ => return None,
    };
    if u64_at(bytes, CHECKSUM)? != checksum(head, meta, rest) {
        return None;
    }
    let tag_bytes = usize::try_from(u32_at(bytes, TAG_BYTES)?).ok()?;
    let (tags, payload) = rest.split_at_checked(tag_bytes)?;
    let none = flags & NONE != 0;
    if !are_tags(tags) || (none && !payload.is_empty()) {
        return None;
    }
    Some(Entry {
        identity,
        stamp,
        written_ms: u64_at(bytes, WRITTEN)?,
        ttl_ms: u64_at(bytes, TTL)?,
        load_ms: u32_at(bytes, LOAD)?,
        template: u64_at(bytes, TEMPLATE)?,
        fingerprint: u64_at(bytes, FINGERPRINT)?,
        codec,
        none,
        packed,
        payload,
        tags,
    })
}

/// The part of an entry that contains its stamp and tags, without its value.
#[derive(Debug)]
pub(crate) struct Label<'a> {
    pub(crate) identity: Identity,
    pub(crate) stamp: Stamp,
    /// The end of its TTL, by the server's clock.
    pub(crate) deadline_ms: u64,
    /// The tags; `None` if the bytes end before the tags do.
    pub(crate) tags: Option<Tags<'a>>,
}

/// The number of bytes that contain the label of an entry with few tags.
pub(crate) const LABEL: usize = 256;

/// Parses the label of an entry from its first bytes. `None`: a lease, damage, another format, or a foreign value.
pub(crate) fn label(bytes: &[u8], namespace: u64) -> Option<Label<'_>> {
    let identity = *bytes.first_chunk::<IDENTITY>()?;
    if !identity.starts_with(&MAGIC)
        || identity[VERSION_AT] != VERSION
        || identity[KIND_AT] != ENTRY
        || u64_at(bytes, NAMESPACE)? != namespace
    {
        return None;
    }
    let tag_bytes = usize::try_from(u32_at(bytes, TAG_BYTES)?).ok()?;
    let tags = bytes
        .get(TAGS..)
        .and_then(|rest| rest.get(..tag_bytes))
        .filter(|tags| are_tags(tags))
        .map(|rest| Tags { rest });
    Some(Label {
        identity,
        stamp: Stamp {
            namespace,
            origin: u64_at(bytes, ORIGIN)?,
            number: u64_at(bytes, NUMBER)?,
            key: u64_at(bytes, KEY)?,
        },
        deadline_ms: u64_at(bytes, WRITTEN)?.saturating_add(u64_at(bytes, TTL)?),
        tags,
    })
}

/// The number of bytes that contain the label of an entry. `None`: the bytes are too few to know, or not an entry.
pub(crate) fn label_length(bytes: &[u8]) -> Option<usize> {
    let is_entry = bytes.starts_with(&MAGIC)
        && bytes.get(VERSION_AT) == Some(&VERSION)
        && bytes.get(KIND_AT) == Some(&ENTRY);
    let tag_bytes = usize::try_from(u32_at(bytes, TAG_BYTES)?).ok()?;
    is_entry.then(|| TAGS.saturating_add(tag_bytes))
}

/// The header of a lease, which is stored at a key while its value is loaded.
pub(crate) fn lease_head(id: [u8; 16], stamp: Stamp) -> Head {
    head(LEASE, 0, 0, id, stamp)
}

/// The header of a failed mark: other calls do not wait for this load, because it failed.
pub(crate) fn failed_head(id: [u8; 16], stamp: Stamp) -> Head {
    head(FAILED, 0, 0, id, stamp)
}

/// The part of a header by which scripts identify it.
pub(crate) fn identity(head: &Head) -> Identity {
    let mut identity = [0; IDENTITY];
    identity.copy_from_slice(&head[..IDENTITY]);
    identity
}

/// An entry that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) stamp: Stamp,
    pub(crate) ttl_ms: u64,
    pub(crate) load_ms: u32,
    pub(crate) template: u64,
    pub(crate) fingerprint: u64,
    pub(crate) codec: CodecKind,
    pub(crate) none: bool,
    /// How the payload was made smaller.
    pub(crate) packed: Option<Compression>,
    pub(crate) tags: &'a [String],
    pub(crate) payload: &'a [u8],
}

impl Draft<'_> {
    /// The header, and everything from byte 64 on; the server's time is inserted between them when both are sent.
    ///
    /// A tag of more than 64 KiB cannot be represented. Without the tag, removals by it would miss the entry, so such
    /// an entry is sealed unreadable: it is always a miss.
    pub(crate) fn seal(&self) -> (Head, Vec<u8>) {
        let payload = if self.none { &[] } else { self.payload };
        let tag_bytes: usize = self.tags.iter().map(|tag| 2 + tag.len()).sum();
        let mut body = Vec::with_capacity(TAGS - TTL + tag_bytes + payload.len());
        let mut flags = if self.none { NONE } else { 0 };
        flags |= match self.packed {
            Some(_) if self.none => 0,
            None => 0,
            Some(Compression::Zstd) => ZSTD,
            Some(Compression::Lz4) => LZ4,
        };
        if u32::try_from(tag_bytes).is_err()
            || self
                .tags
                .iter()
                .any(|tag| tag.len() > usize::from(u16::MAX))
        {
            flags |= UNREADABLE;
        }
        body.extend_from_slice(&self.ttl_ms.to_le_bytes());
        body.extend_from_slice(&self.load_ms.to_le_bytes());
        body.extend_from_slice(&(tag_bytes as u32).to_le_bytes());
        body.extend_from_slice(&self.template.to_le_bytes());
        body.extend_from_slice(&self.fingerprint.to_le_bytes());
        let head = head(ENTRY, self.codec.to_byte(), flags, self.id, self.stamp);
        body.extend_from_slice(&[0; 8]);
        for tag in self.tags {
            body.extend_from_slice(&(tag.len() as u16).to_le_bytes());
            body.extend_from_slice(tag.as_bytes());
        }
        body.extend_from_slice(payload);
        let checksum = checksum(&head, &body[..CHECKSUM - TTL], &body[TAGS - TTL..]);
        body[CHECKSUM - TTL..TAGS - TTL].copy_from_slice(&checksum.to_le_bytes());
        (head, body)
    }
}

fn head(kind: u8, codec: u8, flags: u8, id: [u8; 16], stamp: Stamp) -> Head {
    let mut head = [0; HEAD];
    head[..VERSION_AT].copy_from_slice(&MAGIC);
    head[VERSION_AT] = VERSION;
    head[KIND_AT] = kind;
    head[CODEC_AT] = codec;
    head[FLAGS_AT] = flags;
    head[ID..IDENTITY].copy_from_slice(&id);
    head[NAMESPACE..ORIGIN].copy_from_slice(&stamp.namespace.to_le_bytes());
    head[ORIGIN..NUMBER].copy_from_slice(&stamp.origin.to_le_bytes());
    head[NUMBER..KEY].copy_from_slice(&stamp.number.to_le_bytes());
    head[KEY..].copy_from_slice(&stamp.key.to_le_bytes());
    head
}

/// The checksum of everything except itself and the time, which is only known when everything else is sealed.
fn checksum(head: &[u8], meta: &[u8], rest: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(head);
    hash.update(meta);
    hash.update(rest);
    hash.digest()
}

fn are_tags(mut block: &[u8]) -> bool {
    while !block.is_empty() {
        match split_tag(block) {
            Some((_, rest)) => block = rest,
            None => return false,
        }
    }
    true
}

fn split_tag(block: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = block.split_first_chunk::<2>()?;
    let (tag, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((std::str::from_utf8(tag).ok()?, rest))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))
}

const MAGIC: [u8; 3] = [0xca, 0xc4, 0xed];
const VERSION: u8 = 2;

const ENTRY: u8 = 1;
const LEASE: u8 = 2;
const FAILED: u8 = 3;

const NONE: u8 = 1;
const ZSTD: u8 = 2;
const LZ4: u8 = 4;
/// A flag that no reader knows.
const UNREADABLE: u8 = 0x80;

const VERSION_AT: usize = 3;
const KIND_AT: usize = 4;
const CODEC_AT: usize = 5;
const FLAGS_AT: usize = 6;
const ID: usize = 8;
const IDENTITY: usize = 24;
const NAMESPACE: usize = 24;
const ORIGIN: usize = 32;
const NUMBER: usize = 40;
const KEY: usize = 48;
const HEAD: usize = 56;
const WRITTEN: usize = 56;
const TTL: usize = 64;
const LOAD: usize = 72;
const TAG_BYTES: usize = 76;
const TEMPLATE: usize = 80;
const FINGERPRINT: usize = 88;
const CHECKSUM: usize = 96;
const TAGS: usize = 104;

#[cfg(test)]
mod tests;
