//! The operations of a type that the core of the cache needs.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::codec::CodecError;
use crate::entry::fingerprint::{shape_of, survives_json};
use crate::entry::kind::CodecKind;

/// A value whose type is only known to its operations.
pub(crate) type Erased = dyn Any + Send + Sync;

/// The same, as the memory tier keeps it.
pub(crate) type Shared = Arc<Erased>;

/// The operations of a type that the core of the cache needs, as plain function pointers, so that the core is compiled
/// once and not for each type.
pub struct TypeOps {
    /// Distinguishes versions of the type.
    pub(crate) fingerprint: fn() -> u64,
    /// The codec to use when this one is requested: JSON instead of bincode for a type that bincode cannot read back.
    pub(crate) codec: fn(CodecKind) -> CodecKind,
    /// Whether the value is of this type.
    pub(crate) is: fn(&Erased) -> bool,
    pub(crate) encode: fn(&Erased, CodecKind) -> Result<Vec<u8>, CodecError>,
    pub(crate) decode: fn(&[u8], CodecKind) -> Result<Shared, CodecError>,
    /// The length of its encoding, without building it; `usize::MAX` for a value that cannot be encoded.
    pub(crate) size: fn(&Erased) -> usize,
}

impl TypeOps {
    /// The encoded value and its codec, which is JSON if bincode cannot be used.
    pub(crate) fn encode_as(
        &self,
        value: &Erased,
        asked: CodecKind,
    ) -> Result<(CodecKind, Vec<u8>), CodecError> {
        let codec = (self.codec)(asked);
        match (self.encode)(value, codec) {
            Err(CodecError::WantsJson) => {
                Ok((CodecKind::Json, (self.encode)(value, CodecKind::Json)?))
            }
            result => Ok((codec, result?)),
        }
    }
}

impl fmt::Debug for TypeOps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeOps").finish_non_exhaustive()
    }
}

/// The operations of `T`.
#[must_use]
pub fn type_ops<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> &'static TypeOps {
    &Of::<T>::OPS
}

/// Holds a constant that depends on a type, which a `static` cannot.
struct Of<T>(PhantomData<T>);

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Of<T> {
    const OPS: TypeOps = TypeOps {
        fingerprint: || shape_of::<T>().fingerprint(),
        codec: |asked| shape_of::<T>().codec(asked),
        is: |value| value.is::<T>(),
        encode: |value, codec| {
            let value = value.downcast_ref::<T>().ok_or(CodecError::WrongType)?;
            match codec {
                CodecKind::Bincode if !shape_of::<T>().survives_bincode(value) => {
                    Err(CodecError::WantsJson)
                }
                CodecKind::Json if !survives_json(value) => Err(CodecError::Lossy),
                _ => codec.encode(value),
            }
        },
        decode: |bytes, codec| Ok(Arc::new(codec.decode::<T>(bytes)?)),
        size: |value| {
            let counted = value
                .downcast_ref::<T>()
                .map(|value| shape_of::<T>().codec(CodecKind::Bincode).size(value));
            counted.and_then(Result::ok).unwrap_or(usize::MAX)
        },
    };
}

#[cfg(test)]
mod tests;
