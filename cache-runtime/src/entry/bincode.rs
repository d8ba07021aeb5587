//! The compact codec.

use std::marker::PhantomData;

use ::bincode::config::standard;
use ::bincode::serde::{encode_into_std_write, encode_to_vec, seed_decode_from_slice};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer};

use crate::entry::codec::{ByteCount, Codec, CodecError};
use crate::entry::in_place::InPlace;

pub(super) struct Bincode;

impl Codec for Bincode {
    fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
        let bytes = encode_to_vec(value, standard()).map_err(|_| CodecError::Encode)?;
        if bytes.len() > LARGEST {
            return Err(CodecError::TooLarge);
        }
        Ok(bytes)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        if bytes.len() > LARGEST {
            return Err(CodecError::TooLarge);
        }
        match seed_decode_from_slice(Whole::<T>(PhantomData), bytes, standard()) {
            Ok((value, read)) if read == bytes.len() => Ok(value),
            Ok(_) => Err(CodecError::Trailing),
            Err(_) => Err(CodecError::Decode),
        }
    }

    fn size<T: Serialize>(value: &T) -> Result<usize, CodecError> {
        let mut count = ByteCount::default();
        encode_into_std_write(value, &mut count, standard()).map_err(|_| CodecError::Encode)?;
        Ok(count.0)
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

const LARGEST: usize = 16 << 20;
