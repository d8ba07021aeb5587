//! The choice of the codec for a value.

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "bincode")]
use crate::entry::bincode::Bincode;
use crate::entry::codec::{Codec as _, CodecError, Sink};
use crate::entry::json::Json;
#[cfg(feature = "postcard")]
use crate::entry::postcard::Postcard;

/// How a value is encoded.
///
/// A build decodes what it has the features for. The entries of other codecs are misses, which it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecKind {
    /// Compact and fast. It depends on the order of fields; the fingerprint distinguishes versions of a type. Types
    /// that it cannot read back are stored as JSON. Feature `bincode`.
    Bincode = 1,
    /// Readable in `redis-cli`.
    Json = 2,
    /// Like bincode; its format is [specified](https://postcard.jamesmunns.com/wire-format). Feature `postcard`.
    Postcard = 3,
}

impl Default for CodecKind {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl CodecKind {
    /// The codec of functions that name none: bincode if this was built with it, else postcard, else JSON.
    pub const DEFAULT: Self = if cfg!(feature = "bincode") {
        Self::Bincode
    } else if cfg!(feature = "postcard") {
        Self::Postcard
    } else {
        Self::Json
    };

    /// Its name, as in the attribute.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bincode => "bincode",
            Self::Json => "json",
            Self::Postcard => "postcard",
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Bincode),
            2 => Some(Self::Json),
            3 => Some(Self::Postcard),
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
            #[cfg(feature = "bincode")]
            Self::Bincode => Bincode::write(value, to),
            #[cfg(feature = "postcard")]
            Self::Postcard => Postcard::write(value, to),
            Self::Json => Json::write(value, to),
            #[allow(unreachable_patterns, reason = "all features are on")]
            _ => Err(CodecError::NotBuilt),
        }
    }

    /// The longest encoding that is written.
    pub(super) fn largest(self) -> usize {
        match self {
            Self::Bincode | Self::Postcard => LARGEST,
            Self::Json => usize::MAX,
        }
    }

    pub(super) fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        if bytes.len() > self.largest() {
            return Err(CodecError::TooLarge);
        }
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => Bincode::decode(bytes),
            #[cfg(feature = "postcard")]
            Self::Postcard => Postcard::decode(bytes),
            Self::Json => Json::decode(bytes),
            #[allow(unreachable_patterns, reason = "all features are on")]
            _ => Err(CodecError::NotBuilt),
        }
    }
}

/// The longest encoding of a compact codec that is written or read.
const LARGEST: usize = 16 << 20;

/// Stands in what a function with this codec expands to: nothing, with the feature.
#[cfg(feature = "bincode")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_bincode {
    () => {};
}

/// Stands in what a function with this codec expands to: an error, without the feature.
#[cfg(not(feature = "bincode"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_bincode {
    () => {
        ::core::compile_error!(
            "`codec = \"bincode\"` needs the feature `bincode` of `cache-runtime`"
        );
    };
}

/// Stands in what a function with this codec expands to: nothing, with the feature.
#[cfg(feature = "postcard")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_postcard {
    () => {};
}

/// Stands in what a function with this codec expands to: an error, without the feature.
#[cfg(not(feature = "postcard"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_feature_postcard {
    () => {
        ::core::compile_error!(
            "`codec = \"postcard\"` needs the feature `postcard` of `cache-runtime`"
        );
    };
}

#[cfg(test)]
mod tests;
