//! The JSON codec: readable, and used for self-describing types.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::codec::{Codec, CodecError, Sink};

pub(super) struct Json;

impl Codec for Json {
    fn write<T: Serialize>(value: &T, to: &mut Sink<'_>) -> Result<(), CodecError> {
        serde_json::to_writer(to, value).map_err(|_| CodecError::Encode)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = T::deserialize(&mut json).map_err(|_| CodecError::Decode)?;
        json.end().map_err(|_| CodecError::Trailing)?;
        Ok(value)
    }
}
