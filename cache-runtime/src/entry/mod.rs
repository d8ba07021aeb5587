//! Entries: a value with all that must be known before it may be believed.
//!
//! Bytes in Redis may come from another program, another build, a template
//! that happens to give the same text, or a damaged disk. The head says whose
//! they are, the fingerprint which type they hold, the template hash which
//! call, and the checksum that they are whole. Anything else is a miss.

mod bincode;
mod codec;
mod fingerprint;
mod header;
mod in_place;
mod json;
mod kind;
mod ops;
mod pack;
pub(crate) mod policy;

pub(crate) use header::{
    Draft, Entry, Head, Identity, LABEL, Label, Stamp, Stored, failed_head, identity, key_hash,
    label, label_length, lease_head, parse,
};
pub use kind::CodecKind;
pub use ops::{TypeOps, type_ops};
pub use pack::Compression;
pub(crate) use pack::pack;
