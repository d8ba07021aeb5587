//! A codec for values, and its errors.

use std::fmt::{self, Display};
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A codec for values. Bytes after the value are an error, and a damaged length causes no allocation of that size.
pub(super) trait Codec {
    fn write<T: Serialize>(value: &T, to: &mut Sink<'_>) -> Result<(), CodecError>;

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError>;
}

/// Why a value could not be encoded or decoded. It contains no part of the value or bytes, because errors are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodecError {
    /// The type's `Serialize` failed, or needs something that the codec does not support.
    Encode,
    /// The bytes are not a value of this type.
    Decode,
    /// There are bytes after the value.
    Trailing,
    /// The encoding is longer than an entry may be.
    TooLarge,
    /// This build has no such codec.
    NotBuilt,
    /// A compact codec would not read this value back unchanged; JSON does.
    WantsJson,
    /// JSON would not either: it cannot represent `Some(None)` and NaN.
    Lossy,
    /// The value is not of the type that these operations are for.
    WrongType,
}

impl Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encode => "the value cannot be serialized",
            Self::Decode => "the bytes do not contain a value of this type",
            Self::Trailing => "there are bytes after the value",
            Self::TooLarge => "the value is too large to be stored",
            Self::NotBuilt => "this build does not have the codec",
            Self::WantsJson => "a compact codec would not read this value back unchanged",
            Self::Lossy => "JSON would not read this value back unchanged",
            Self::WrongType => "the value is of another type",
        })
    }
}

impl std::error::Error for CodecError {}

/// Takes the bytes of an encoding: keeps them, or only counts them. It is one type, so that the `Serialize` of a value's
/// type is compiled once for both.
pub(super) enum Sink<'a> {
    Keep(&'a mut Vec<u8>),
    Count(&'a mut usize),
}

impl Sink<'_> {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Keep(kept) => kept.extend_from_slice(bytes),
            Self::Count(count) => **count = count.saturating_add(bytes.len()),
        }
    }
}

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.add(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
