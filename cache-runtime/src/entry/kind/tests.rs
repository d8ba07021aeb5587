use super::*;

const ALL: [CodecKind; 3] = [CodecKind::Bincode, CodecKind::Json, CodecKind::Postcard];

fn is_built(codec: CodecKind) -> bool {
    match codec {
        CodecKind::Bincode => cfg!(feature = "bincode"),
        CodecKind::Postcard => cfg!(feature = "postcard"),
        CodecKind::Json => true,
    }
}

#[test]
fn every_codec_has_a_byte_of_its_own_in_every_build() {
    for codec in ALL {
        assert_eq!(CodecKind::from_byte(codec.to_byte()), Some(codec));
    }
    for byte in (0..=255).filter(|byte| !(1..=3).contains(byte)) {
        assert_eq!(CodecKind::from_byte(byte), None, "{byte}");
    }
}

/// `tests/run` also runs this without the feature `bincode`.
#[test]
fn a_codec_that_is_not_built_in_neither_writes_nor_reads() {
    for codec in ALL {
        let mut bytes = Vec::new();
        let written = codec.write(&(7_u32, "text"), &mut Sink::Keep(&mut bytes));
        let read = codec.decode::<(u32, String)>(&bytes);
        if is_built(codec) {
            assert_eq!((written, read), (Ok(()), Ok((7, "text".to_owned()))));
        } else {
            assert_eq!(
                (written, read),
                (Err(CodecError::NotBuilt), Err(CodecError::NotBuilt))
            );
        }
    }
    assert!(is_built(CodecKind::DEFAULT));
}
