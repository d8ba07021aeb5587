use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const COMPACT: [CodecKind; 2] = [CodecKind::Bincode, CodecKind::Postcard];

fn round_trip<T>(value: T, asked: CodecKind) -> (CodecKind, T)
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let ops = type_ops::<T>();
    let (codec, bytes) = ops.encode_as(&value as &Erased, asked).unwrap();
    let back = (ops.decode)(&bytes, codec).unwrap();
    (codec, T::clone(&back.downcast::<T>().unwrap()))
}

/// `codec`: the one that is used if the compact one is asked for; `Bincode` stands for whichever that is.
fn survives<T>(value: T, codec: CodecKind)
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + PartialEq + fmt::Debug + 'static,
{
    for asked in COMPACT {
        let used = if codec == CodecKind::Bincode {
            asked
        } else {
            codec
        };
        assert_eq!(round_trip(value.clone(), asked), (used, value.clone()));
    }
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Job {
    id: u32,
    title: String,
    state: State,
    price: f64,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum State {
    Open,
    Closed { by: String },
    Moved(u8, u8),
}

fn job() -> Job {
    Job {
        id: 7,
        title: "engineer".to_owned(),
        state: State::Closed {
            by: "anna".to_owned(),
        },
        price: 0.1,
    }
}

#[test]
fn values_come_back_as_they_were() {
    survives(job(), CodecKind::Bincode);
    survives(vec![Some(job()), None], CodecKind::Bincode);
    survives(State::Moved(1, 2), CodecKind::Bincode);
    survives(
        HashMap::from([("a".to_owned(), Duration::from_millis(5))]),
        CodecKind::Bincode,
    );
    survives(IpAddr::from([127, 0, 0, 1]), CodecKind::Bincode);
    survives(Ok::<u8, String>(5), CodecKind::Bincode);
    survives((i128::MIN, u128::MAX, 'ß', ()), CodecKind::Bincode);
    survives(serde_json::json!({"a": [1, null, "x"]}), CodecKind::Json);
}

#[test]
fn json_keeps_every_bit_of_a_float() {
    let ops = type_ops::<f64>();
    for value in [
        0.1_f64 + 0.2,
        5e-324,
        1.797_693_134_862_315_7e308,
        51.248_177_739_157_17,
        122.416_294_033_786_58,
    ] {
        let bytes = (ops.encode)(&value as &Erased, CodecKind::Json).unwrap();
        let back = (ops.decode)(&bytes, CodecKind::Json).unwrap();
        assert_eq!(
            back.downcast_ref::<f64>().unwrap().to_bits(),
            value.to_bits()
        );
    }
}

/// In bincode, an omitted field shifts all fields after it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    second: Option<u8>,
    #[serde(default)]
    third: Vec<u8>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
struct OneWay {
    #[serde(skip_serializing, default)]
    secret: u8,
    shown: u8,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Gap {
    A,
    #[serde(skip)]
    #[allow(dead_code)]
    Hidden,
    B,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Renamed {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(skip)]
    cached: u8,
}

#[test]
fn what_bincode_would_misread_goes_to_json() {
    let whole = Sparse {
        first: Some(1),
        second: Some(2),
        third: vec![3],
    };
    let sparse = Sparse {
        first: None,
        second: Some(2),
        third: vec![0],
    };
    survives(vec![whole.clone()], CodecKind::Bincode);
    survives(vec![sparse, whole.clone()], CodecKind::Json);
    // Once a type has done so, it stays JSON.
    survives(vec![whole], CodecKind::Json);
    survives(
        vec![OneWay {
            secret: 0,
            shown: 5,
        }],
        CodecKind::Json,
    );
    survives(Gap::B, CodecKind::Json);
    survives(Renamed { kind: 1, cached: 0 }, CodecKind::Bincode);
}

#[test]
fn an_encode_that_bincode_would_misread_says_so() {
    let ops = type_ops::<OneWay>();
    let value = OneWay::default();
    assert_eq!(
        (ops.encode)(&value as &Erased, CodecKind::Bincode),
        Err(CodecError::WantsJson)
    );
    assert_eq!((ops.codec)(CodecKind::Bincode), CodecKind::Json);
}

#[test]
fn what_json_would_lose_is_not_written() {
    fn json<T>(value: T) -> Result<Vec<u8>, CodecError>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        (type_ops::<T>().encode)(&value as &Erased, CodecKind::Json)
    }
    assert_eq!(json(Some(None::<u8>)), Err(CodecError::Lossy));
    assert_eq!(json(vec![Some(())]), Err(CodecError::Lossy));
    assert_eq!(json(Some(f64::NAN)), Err(CodecError::Lossy));
    assert_eq!(json(vec![f32::INFINITY]), Err(CodecError::Lossy));
    assert_eq!(json(None::<Option<u8>>), Ok(b"null".to_vec()));
    assert_eq!(json(Some(vec![None::<u8>])), Ok(b"[null]".to_vec()));
    // bincode preserves all of them.
    survives(Some(None::<u8>), CodecKind::Bincode);
    survives(vec![f64::INFINITY], CodecKind::Bincode);
}

#[test]
fn the_wrong_type_is_an_error() {
    let ops = type_ops::<u8>();
    assert_eq!(
        (ops.encode)(&"text" as &Erased, CodecKind::Bincode),
        Err(CodecError::WrongType)
    );
    assert_eq!((ops.size)(&"text" as &Erased), usize::MAX);
}

#[test]
fn bytes_after_the_value_are_an_error() {
    let ops = type_ops::<Job>();
    for codec in [CodecKind::Bincode, CodecKind::Postcard, CodecKind::Json] {
        let mut bytes = (ops.encode)(&job() as &Erased, codec).unwrap();
        (ops.decode)(&bytes, codec).unwrap();
        bytes.push(b'1');
        assert_eq!(
            (ops.decode)(&bytes, codec).unwrap_err(),
            CodecError::Trailing
        );
    }
}

#[test]
fn lengths_that_lie_are_refused_before_they_are_allocated() {
    // 253 announces a length of eight bytes.
    let petabyte = [&[253][..], &(1_u64 << 50).to_le_bytes(), b"short"].concat();
    for decode in [
        type_ops::<String>().decode,
        type_ops::<Vec<u8>>().decode,
        type_ops::<Vec<u64>>().decode,
        type_ops::<Vec<String>>().decode,
        type_ops::<HashMap<u8, String>>().decode,
    ] {
        assert_eq!(
            decode(&petabyte, CodecKind::Bincode).unwrap_err(),
            CodecError::Decode
        );
        // In this format each byte adds seven bits.
        let petabyte = [&[0x80; 7][..], &[2], b"short"].concat();
        assert_eq!(
            decode(&petabyte, CodecKind::Postcard).unwrap_err(),
            CodecError::Decode
        );
    }
    // A length below the limit is bounded by it: 16 MiB for five bytes.
    let megabytes = [&[252][..], &(15_u32 << 20).to_le_bytes(), b"short"].concat();
    assert_eq!(
        (type_ops::<String>().decode)(&megabytes, CodecKind::Bincode).unwrap_err(),
        CodecError::Decode
    );
}

#[test]
fn small_numbers_in_a_large_value_stay_within_the_limit() {
    survives(vec![1_u128; 900_000], CodecKind::Bincode);
    survives(vec![1_u64; 2_000_000], CodecKind::Bincode);
}

#[test]
fn what_is_too_large_is_refused_when_written() {
    let value = "x".repeat(17 << 20);
    for codec in COMPACT {
        assert_eq!(
            (type_ops::<String>().encode)(&value as &Erased, codec),
            Err(CodecError::TooLarge)
        );
        assert_eq!(
            (type_ops::<String>().decode)(&vec![0; 17 << 20], codec).unwrap_err(),
            CodecError::TooLarge
        );
    }
}

#[test]
fn operations_of_a_type_are_one_constant() {
    assert!(std::ptr::fn_addr_eq(
        type_ops::<Job>().size,
        type_ops::<Job>().size
    ));
    assert_ne!(
        (type_ops::<u8>().fingerprint)(),
        (type_ops::<u16>().fingerprint)()
    );
}

proptest! {
    #[test]
    fn sizes_are_what_encoding_gives(value in proptest::collection::vec(any::<(u64, String, Option<f32>)>(), 0..20)) {
        let ops = type_ops::<Vec<(u64, String, Option<f32>)>>();
        let (_, bytes) = ops.encode_as(&value as &Erased, CodecKind::Bincode).unwrap();
        prop_assert_eq!((ops.size)(&value as &Erased), bytes.len());
    }

    #[test]
    fn any_bytes_decode_to_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        for codec in [CodecKind::Bincode, CodecKind::Postcard, CodecKind::Json] {
            let _ = (type_ops::<Vec<Job>>().decode)(&bytes, codec);
            let _ = (type_ops::<HashMap<String, Vec<State>>>().decode)(&bytes, codec);
        }
    }
}
