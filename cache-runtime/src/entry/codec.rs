//! How a value becomes bytes.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::bincode::Bincode;
use crate::entry::json::Json;

/// How a value becomes bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecKind {
    /// Compact and quick, and tied to the order of fields; the fingerprint
    /// keeps versions of a type apart. Types that bincode cannot read back are
    /// stored as JSON.
    #[default]
    Bincode = 1,
    /// Readable in `redis-cli`.
    Json = 2,
}

impl CodecKind {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Bincode),
            2 => Some(Self::Json),
            _ => None,
        }
    }

    pub(super) fn to_byte(self) -> u8 {
        self as u8
    }

    pub(super) fn encode<T: Serialize>(self, value: &T) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::Bincode => Bincode::encode(value),
            Self::Json => Json::encode(value),
        }
    }

    pub(super) fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        match self {
            Self::Bincode => Bincode::decode(bytes),
            Self::Json => Json::decode(bytes),
        }
    }

    pub(super) fn size<T: Serialize>(self, value: &T) -> Result<usize, CodecError> {
        match self {
            Self::Bincode => Bincode::size(value),
            Self::Json => Json::size(value),
        }
    }
}

/// One way of writing values down. Bytes after the value are an error, and what
/// a damaged length claims is not allocated.
pub(super) trait Codec {
    fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError>;

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError>;

    /// The length of the encoding, without building it.
    fn size<T: Serialize>(value: &T) -> Result<usize, CodecError>;
}

/// Why a value did not become bytes, or bytes a value. Holds nothing of either:
/// errors end in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodecError {
    /// The type's `Serialize` failed, or asked for what the codec lacks.
    Encode,
    /// These bytes are no such value.
    Decode,
    /// Bytes are left after the value.
    Trailing,
    /// The encoding is longer than entries may be.
    TooLarge,
    /// bincode would not read this value back as it was; JSON does.
    WantsJson,
    /// Neither would JSON: it knows no `Some(None)` and no NaN.
    Lossy,
    /// The value is not of the type that these operations are for.
    WrongType,
}

impl Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encode => "the value cannot be serialized",
            Self::Decode => "the bytes do not hold such a value",
            Self::Trailing => "bytes are left after the value",
            Self::TooLarge => "the value is too large to be stored",
            Self::WantsJson => "bincode would not read the value back as it was",
            Self::Lossy => "JSON would not read the value back as it was",
            Self::WrongType => "the value is of another type",
        })
    }
}

impl std::error::Error for CodecError {}

/// Counts what is written to it.
#[derive(Default)]
pub(super) struct ByteCount(pub(super) usize);

impl std::io::Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
