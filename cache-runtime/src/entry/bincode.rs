//! The compact codec.

use ::bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use ::bincode::serde::{decode_from_slice, encode_into_std_write, encode_to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{ByteCount, Codec, CodecError};

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
        let decoded = if bytes.len() <= SMALL {
            decode_from_slice(bytes, SMALL_LIMIT)
        } else if bytes.len() <= LARGEST {
            decode_from_slice(bytes, LARGE_LIMIT)
        } else {
            return Err(CodecError::TooLarge);
        };
        match decoded {
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

type Limited<const BYTES: usize> = Configuration<LittleEndian, Varint, Limit<BYTES>>;

/// The limit counts a number at its full width (16 bytes for a `u128` that took
/// one), so whole payloads need that many times their length. Two steps keep
/// what a damaged length can claim in proportion to what was sent.
const SMALL_LIMIT: Limited<{ 16 * SMALL }> = standard().with_limit();
const LARGE_LIMIT: Limited<{ 16 * LARGEST }> = standard().with_limit();

const SMALL: usize = 1 << 20;
const LARGEST: usize = 16 << 20;
