//! The operations of a type that the core of the cache needs.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::codec::{CodecError, Sink};
use crate::entry::fingerprint::{Shape, shape_of, survives_json};
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
    /// The codec to use when this one is requested: JSON for a type that a compact codec cannot read back.
    pub(crate) codec: fn(CodecKind) -> CodecKind,
    /// Whether the value is of this type.
    pub(crate) is: fn(&Erased) -> bool,
    pub(crate) encode: fn(&Erased, CodecKind) -> Result<Vec<u8>, CodecError>,
    pub(crate) decode: fn(&[u8], CodecKind) -> Result<Shared, CodecError>,
    /// The length of its encoding, without building it; `usize::MAX` for a value that cannot be encoded.
    pub(crate) size: fn(&Erased) -> usize,
}

impl TypeOps {
    /// The encoded value and its codec, which is JSON if a compact one cannot be used.
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
        encode: |value, codec| encode(writable::<T>(value)?, shape_of::<T>, codec),
        decode: |bytes, codec| Ok(Arc::new(codec.decode::<T>(bytes)?)),
        size: |value| size(writable::<T>(value), shape_of::<T>),
    };
}

/// A value without its type, as far as writing it needs.
trait Writable {
    fn write(&self, codec: CodecKind, to: &mut Sink<'_>) -> Result<(), CodecError>;

    /// Whether the codec would read the value back unchanged.
    fn survives(&self, codec: CodecKind, shape: GetShape) -> bool;
}

/// The shape is looked up only where it is needed, since the first time takes long.
type GetShape = fn() -> &'static Shape;

impl<T: Serialize> Writable for T {
    fn write(&self, codec: CodecKind, to: &mut Sink<'_>) -> Result<(), CodecError> {
        codec.write(self, to)
    }

    fn survives(&self, codec: CodecKind, shape: GetShape) -> bool {
        match codec {
            CodecKind::Bincode | CodecKind::Postcard => shape().survives_compact(self),
            CodecKind::Json => survives_json(self),
        }
    }
}

fn writable<T: Serialize + 'static>(value: &Erased) -> Result<&dyn Writable, CodecError> {
    match value.downcast_ref::<T>() {
        Some(value) => Ok(value),
        None => Err(CodecError::WrongType),
    }
}

fn encode(value: &dyn Writable, shape: GetShape, codec: CodecKind) -> Result<Vec<u8>, CodecError> {
    if !value.survives(codec, shape) {
        return Err(match codec {
            CodecKind::Bincode | CodecKind::Postcard => CodecError::WantsJson,
            CodecKind::Json => CodecError::Lossy,
        });
    }
    let mut bytes = Vec::new();
    value.write(codec, &mut Sink::Keep(&mut bytes))?;
    if bytes.len() > codec.largest() {
        return Err(CodecError::TooLarge);
    }
    Ok(bytes)
}

fn size(value: Result<&dyn Writable, CodecError>, shape: GetShape) -> usize {
    let codec = shape().codec(CodecKind::DEFAULT);
    let mut count = 0;
    match value.and_then(|value| value.write(codec, &mut Sink::Count(&mut count))) {
        Ok(()) => count,
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests;
