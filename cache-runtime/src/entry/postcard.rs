//! The other compact codec, whose format is specified.

use ::postcard::{take_from_bytes, to_io};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::codec::{Codec, CodecError, Sink};

pub(super) struct Postcard;

impl Codec for Postcard {
    fn write<T: Serialize>(value: &T, to: &mut Sink<'_>) -> Result<(), CodecError> {
        match to_io(value, to) {
            Ok(_) => Ok(()),
            Err(_) => Err(CodecError::Encode),
        }
    }

    /// It takes texts from the bytes, so a damaged length allocates nothing that is not there.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        match take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(CodecError::Trailing),
            Err(_) => Err(CodecError::Decode),
        }
    }
}
