//! The compact codec of most builds.

use std::marker::PhantomData;

use ::bincode::config::standard;
use ::bincode::enc::write::Writer;
use ::bincode::error::EncodeError;
use ::bincode::serde::{encode_into_writer, seed_decode_from_slice};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer};

use crate::entry::codec::{Codec, CodecError, Sink};
use crate::entry::in_place::InPlace;

pub(super) struct Bincode;

impl Codec for Bincode {
    fn write<T: Serialize>(value: &T, to: &mut Sink<'_>) -> Result<(), CodecError> {
        encode_into_writer(value, to, standard()).map_err(|_| CodecError::Encode)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        match seed_decode_from_slice(Whole::<T>(PhantomData), bytes, standard()) {
            Ok((value, read)) if read == bytes.len() => Ok(value),
            Ok(_) => Err(CodecError::Trailing),
            Err(_) => Err(CodecError::Decode),
        }
    }
}

impl Writer for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.add(bytes);
        Ok(())
    }
}

/// Reads a value of the type, without allocating for data that the bytes do not contain.
struct Whole<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Whole<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        T::deserialize(InPlace(from))
    }
}
