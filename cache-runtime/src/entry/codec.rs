//! One way of writing values down, and how it fails.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One way of writing values down. Bytes after the value are an error, and what
/// a damaged length claims is not allocated.
pub(super) trait Codec {
    fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError>;

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError>;

    /// The length of the encoding, without building it.
    fn size<T: Serialize>(value: &T) -> Result<usize, CodecError>;
}

/// Reason a value did not become bytes, or bytes a value. Holds nothing of either:
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
