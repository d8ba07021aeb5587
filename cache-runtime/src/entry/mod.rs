//! Entries: a value, with everything needed to check that it is valid.
//!
//! Bytes in Redis may come from another program, another build, a template that gives the same text, or a damaged
//! disk. The header identifies the writer, the fingerprint the type, the template hash the call, and the checksum
//! shows that the bytes are complete. Anything else is a miss.

#[cfg(feature = "bincode")]
mod bincode;
mod codec;
mod fingerprint;
mod header;
#[cfg(feature = "bincode")]
mod in_place;
mod json;
mod kind;
mod ops;
mod pack;
pub(crate) mod policy;
#[cfg(feature = "postcard")]
mod postcard;
mod same;

#[cfg(feature = "axum")]
pub(crate) use codec::CodecError;
#[cfg(feature = "axum")]
pub(crate) use fingerprint::survives_json;
pub(crate) use header::{
    Draft, Entry, Head, Identity, LABEL, Label, Stamp, Stored, failed_head, identity, key_hash,
    label, label_length, lease_head, parse,
};
#[cfg(feature = "cli")]
pub(crate) use header::{Outline, Outlined, outline};
pub use kind::CodecKind;
pub use ops::{TypeOps, type_ops};
pub use pack::Compression;
pub(crate) use pack::pack;
pub(crate) use same::are_same;
