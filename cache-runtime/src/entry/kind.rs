//! The choice of the codec for a value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::bincode::{self, Bincode};
use crate::entry::codec::{Codec, CodecError, Sink};
use crate::entry::json::Json;

/// How a value is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecKind {
    /// Compact and fast. It depends on the order of fields; the fingerprint distinguishes versions of a type. Types
    /// that bincode cannot read back are stored as JSON.
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

    pub(super) fn write<T: Serialize>(
        self,
        value: &T,
        to: &mut Sink<'_>,
    ) -> Result<(), CodecError> {
        match self {
            Self::Bincode => Bincode::write(value, to),
            Self::Json => Json::write(value, to),
        }
    }

    /// The longest encoding that is written.
    pub(super) fn largest(self) -> usize {
        match self {
            Self::Bincode => bincode::LARGEST,
            Self::Json => usize::MAX,
        }
    }

    pub(super) fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        match self {
            Self::Bincode => Bincode::decode(bytes),
            Self::Json => Json::decode(bytes),
        }
    }
}
