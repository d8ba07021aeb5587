//! The choice of the codec for a value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::bincode::Bincode;
use crate::entry::codec::{Codec, CodecError};
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
