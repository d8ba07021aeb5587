//! The head of everything that we write to Redis.
//!
//! Numbers are little endian.
//!
//! | bytes | |
//! |---|---|
//! | 0..3 | magic `CA C4 ED` |
//! | 3 | format version, 1 |
//! | 4 | kind: 1 entry, 2 lease, 3 failed mark |
//! | 5 | codec: 1 bincode, 2 JSON; 0 in leases and marks |
//! | 6 | flags: bit 0, the value is `None` and there is no payload; bit 1, it is compressed by zstd, bit 2, by lz4 |
//! | 7 | namespace: a hash of it, never zero |
//! | 8..24 | id: 128 random bits |
//! | 24..32 | run: hash of the server's `run_id` and reign |
//! | 32..40 | written: the server's clock in ms, filled in by the store script |
//! | 40..48 | lifetime in ms; `written` + lifetime is the deadline |
//! | 48..52 | load time in ms |
//! | 52..56 | length of the tag block |
//! | 56..64 | template hash |
//! | 64..72 | type fingerprint |
//! | 72..80 | checksum: XXH3-64 of 0..32, 40..72 and 80.. |
//! | 80.. | tag block, each tag a `u16` length and UTF-8; then the payload |
//!
//! Leases and failed marks end after 32 bytes. The first 32 bytes alone say
//! which of our writes this is, so that is what scripts compare.

use std::borrow::Cow;

use xxhash_rust::xxh3::Xxh3;

use super::codec::CodecKind;
use super::pack::{Compression, unpack};

/// The first 32 bytes, by which scripts recognise one write of ours.
pub(crate) type Head = [u8; HEAD];

/// Who wrote, and to which server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Hash of the server's run and reign.
    pub(crate) run: u64,
    /// Hash of the namespace: where one is nested in another, a key alone does not tell whose it is.
    pub(crate) namespace: u8,
}

/// What the bytes at a key turned out to be.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// Not ours: neither overwritten nor deleted.
    Foreign,
    /// Somebody is loading.
    Lease { head: Head, run: u64 },
    /// Somebody's load failed a moment ago.
    Failed,
    /// Ours, but of another format, or damaged: a miss that may be replaced by
    /// compare-and-set on the head.
    Outdated { head: Head },
    /// A value.
    Entry(Entry<'a>),
}

/// A whole entry. Whether it answers the call is for the caller to say: by its
/// run, deadline, template and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) head: Head,
    pub(crate) origin: Origin,
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
    /// The payload as it was encoded. `None`: damaged, longer than `limit`, or this build cannot.
    pub(crate) fn unpacked(&self, limit: usize) -> Option<Cow<'a, [u8]>> {
        match self.packed {
            None => Some(Cow::Borrowed(self.payload)),
            Some(how) => unpack(self.payload, how, limit).map(Cow::Owned),
        }
    }

    pub(crate) fn tags(&self) -> Tags<'a> {
        Tags { rest: self.tags }
    }

    /// When it stops being fresh, by the server's clock.
    pub(crate) fn deadline_ms(&self) -> u64 {
        self.written_ms.saturating_add(self.ttl_ms)
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

/// Reads what stands at a key.
///
/// Total: any bytes are something. Lengths inside are compared with what is
/// there, never allocated.
pub(crate) fn parse(bytes: &[u8]) -> Stored<'_> {
    let Some(&head) = bytes
        .first_chunk::<HEAD>()
        .filter(|head| head.starts_with(&MAGIC))
    else {
        return Stored::Foreign;
    };
    understand(head, bytes).unwrap_or(Stored::Outdated { head })
}

fn understand(head: Head, bytes: &[u8]) -> Option<Stored<'_>> {
    let run = u64_at(bytes, RUN)?;
    if head[VERSION_AT] != VERSION {
        return None;
    }
    let bare = bytes.len() == HEAD && head[CODEC_AT] == 0 && head[FLAGS_AT] == 0;
    match head[KIND_AT] {
        LEASE if bare => Some(Stored::Lease { head, run }),
        FAILED if bare => Some(Stored::Failed),
        ENTRY => understand_entry(head, run, bytes).map(Stored::Entry),
        _ => None,
    }
}

fn understand_entry(head: Head, run: u64, bytes: &[u8]) -> Option<Entry<'_>> {
    let flags = head[FLAGS_AT];
    let namespace = head[NAMESPACE];
    let codec = CodecKind::from_byte(head[CODEC_AT])?;
    let meta = bytes.get(TTL..CHECKSUM)?;
    let rest = bytes.get(TAGS..)?;
    let packed = match flags & !NONE {
        0 => None,
        ZSTD => Some(Compression::Zstd),
        LZ4 => Some(Compression::Lz4),
        _ => return None,
    };
    if u64_at(bytes, CHECKSUM)? != checksum(&head, meta, rest) {
        return None;
    }
    let tag_bytes = usize::try_from(u32_at(bytes, TAG_BYTES)?).ok()?;
    let (tags, payload) = rest.split_at_checked(tag_bytes)?;
    let none = flags & NONE != 0;
    if !are_tags(tags) || (none && !payload.is_empty()) {
        return None;
    }
    Some(Entry {
        head,
        origin: Origin { run, namespace },
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

/// A head to plant at a key while its value is loaded.
pub(crate) fn lease_head(id: [u8; 16], origin: Origin) -> Head {
    head(LEASE, 0, 0, id, origin)
}

/// A head that tells others not to wait for a load that failed.
pub(crate) fn failed_head(id: [u8; 16], origin: Origin) -> Head {
    head(FAILED, 0, 0, id, origin)
}

/// An entry about to be written.
#[derive(Clone, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) origin: Origin,
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
    /// The head, and everything from byte 40 on; the store script puts the
    /// server's time between them.
    ///
    /// A tag above 64 KiB has no form here. Losing it would lose the removals
    /// that name it, so such an entry is sealed unreadable: a miss, each time.
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
        let head = head(ENTRY, self.codec.to_byte(), flags, self.id, self.origin);
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

fn head(kind: u8, codec: u8, flags: u8, id: [u8; 16], origin: Origin) -> Head {
    let mut head = [0; HEAD];
    head[..VERSION_AT].copy_from_slice(&MAGIC);
    head[VERSION_AT] = VERSION;
    head[KIND_AT] = kind;
    head[CODEC_AT] = codec;
    head[FLAGS_AT] = flags;
    head[NAMESPACE] = origin.namespace;
    head[ID..RUN].copy_from_slice(&id);
    head[RUN..].copy_from_slice(&origin.run.to_le_bytes());
    head
}

/// Of everything but the time, which only the server knows, and itself.
fn checksum(head: &Head, meta: &[u8], rest: &[u8]) -> u64 {
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
const VERSION: u8 = 1;

const ENTRY: u8 = 1;
const LEASE: u8 = 2;
const FAILED: u8 = 3;

const NONE: u8 = 1;
const ZSTD: u8 = 2;
const LZ4: u8 = 4;
/// Unknown to every reader.
const UNREADABLE: u8 = 0x80;

const VERSION_AT: usize = 3;
const KIND_AT: usize = 4;
const CODEC_AT: usize = 5;
const FLAGS_AT: usize = 6;
const NAMESPACE: usize = 7;
const ID: usize = 8;
const RUN: usize = 24;
const HEAD: usize = 32;
const WRITTEN: usize = 32;
const TTL: usize = 40;
const LOAD: usize = 48;
const TAG_BYTES: usize = 52;
const TEMPLATE: usize = 56;
const FINGERPRINT: usize = 64;
const CHECKSUM: usize = 72;
const TAGS: usize = 80;

#[cfg(test)]
mod tests;
