//! The JSON codec: readable, and used for self-describing types.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::codec::{ByteCount, Codec, CodecError};

pub(super) struct Json;

impl Codec for Json {
    fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
        serde_json::to_vec(value).map_err(|_| CodecError::Encode)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = T::deserialize(&mut json).map_err(|_| CodecError::Decode)?;
        json.end().map_err(|_| CodecError::Trailing)?;
        Ok(value)
    }

    fn size<T: Serialize>(value: &T) -> Result<usize, CodecError> {
        let mut count = ByteCount::default();
        serde_json::to_writer(&mut count, value).map_err(|_| CodecError::Encode)?;
        Ok(count.0)
    }
}
