use proptest::prelude::*;

use super::*;

const WRITTEN_MS: u64 = 1_700_000_000_000;

fn draft<'a>(tags: &'a [String], payload: &'a [u8]) -> Draft<'a> {
    Draft {
        id: *b"0123456789abcdef",
        stamp: STAMP,
        ttl_ms: 300_000,
        load_ms: 42,
        template: 0xaabb,
        fingerprint: 0xccdd,
        codec: CodecKind::Bincode,
        none: false,
        packed: None,
        tags,
        payload,
    }
}

/// The bytes that are sent.
fn store(draft: &Draft<'_>) -> Vec<u8> {
    let (head, body) = draft.seal();
    [&head[..], &WRITTEN_MS.to_le_bytes(), &body].concat()
}

fn tags() -> Vec<String> {
    vec!["author:7".to_owned(), String::new(), "größe".to_owned()]
}

#[test]
fn bytes_stand_where_the_table_says() {
    let tags = ["t".to_owned()];
    let bytes = store(&draft(&tags, b"payload"));
    let checksum = bytes[96..104].to_owned();
    let expected = [
        &[0xca, 0xc4, 0xed, 2, 1, 1, 0, 0][..],
        b"0123456789abcdef",
        &[0x77, 0, 0, 0, 0, 0, 0, 0],
        &[0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11],
        &[0x39, 0x30, 0, 0, 0, 0, 0, 0], // 12,345
        &[0x99, 0, 0, 0, 0, 0, 0, 0],
        &[0x00, 0x68, 0xe5, 0xcf, 0x8b, 0x01, 0, 0], // 1,700,000,000,000
        &[0xe0, 0x93, 0x04, 0, 0, 0, 0, 0],          // 300,000
        &[42, 0, 0, 0],
        &[3, 0, 0, 0],
        &[0xbb, 0xaa, 0, 0, 0, 0, 0, 0],
        &[0xdd, 0xcc, 0, 0, 0, 0, 0, 0],
        &checksum,
        &[1, 0, b't'],
        b"payload",
    ]
    .concat();
    assert_eq!(bytes, expected);
    let summed = [&bytes[..56], &bytes[64..96], &bytes[104..]].concat();
    assert_eq!(checksum, xxhash_rust::xxh3::xxh3_64(&summed).to_le_bytes());
}

#[test]
fn leases_and_marks_are_a_bare_head() {
    let lease = lease_head([7; 16], STAMP);
    assert_eq!(lease[..8], [0xca, 0xc4, 0xed, 2, 2, 0, 0, 0]);
    assert_eq!(lease.len(), 56);
    assert!(matches!(
        read(&lease),
        Stored::Lease { identity: found, stamp: STAMP } if found == identity(&lease)
    ));
    let failed = failed_head([7; 16], STAMP);
    assert_eq!(failed[4], 3);
    assert!(matches!(read(&failed), Stored::Failed));
    for bare in [lease, failed] {
        let longer = [&bare[..], b"x"].concat();
        assert!(matches!(read(&longer), Stored::Outdated { .. }));
    }
}

#[test]
fn another_namespace_is_somebody_elses() {
    for bytes in [
        store(&draft(&[], b"payload")),
        lease_head([7; 16], STAMP).to_vec(),
        failed_head([7; 16], STAMP).to_vec(),
    ] {
        assert!(matches!(parse(&bytes, 0x78), Stored::Foreign));
        assert!(label(&bytes, 0x78).is_none());
    }
}

#[test]
fn what_the_first_format_wrote_is_outdated() {
    let mut bytes = store(&draft(&[], b"payload"));
    bytes[VERSION_AT] = 1;
    assert!(matches!(read(&bytes), Stored::Outdated { .. }));
    // In that version, leases were 32 bytes long.
    assert!(matches!(read(&bytes[..32]), Stored::Outdated { .. }));
}

#[test]
fn a_label_is_read_from_the_first_bytes() {
    let tags = tags();
    let bytes = store(&draft(&tags, b"payload"));
    let length = label_length(&bytes[..104]).unwrap();
    assert_eq!(length, 104 + 3 * 2 + 8 + 7);
    let found = label(&bytes[..length], STAMP.namespace).unwrap();
    assert_eq!(found.stamp, STAMP);
    assert_eq!(found.deadline_ms, WRITTEN_MS + 300_000);
    assert_eq!(found.identity, bytes[..24]);
    assert!(found.tags.unwrap().eq(tags.iter().map(String::as_str)));
    assert!(
        label(&bytes[..length - 1], STAMP.namespace)
            .unwrap()
            .tags
            .is_none()
    );
    assert!(label(&lease_head([7; 16], STAMP), STAMP.namespace).is_none());
}

#[test]
fn what_was_sealed_is_read_back() {
    let tags = tags();
    let draft = draft(&tags, b"payload");
    let bytes = store(&draft);
    let Stored::Entry(entry) = read(&bytes) else {
        panic!("{:?}", read(&bytes))
    };
    assert_eq!(entry.identity, identity(&draft.seal().0));
    assert_eq!(
        (entry.stamp, entry.written_ms, entry.ttl_ms),
        (draft.stamp, WRITTEN_MS, 300_000)
    );
    assert_eq!(
        (entry.load_ms, entry.template, entry.fingerprint),
        (42, 0xaabb, 0xccdd)
    );
    assert_eq!(
        (entry.codec, entry.none, entry.payload),
        (CodecKind::Bincode, false, &b"payload"[..])
    );
    assert_eq!(entry.written_ms + entry.ttl_ms, WRITTEN_MS + 300_000);
    assert!(entry.tags().eq(tags.iter().map(String::as_str)));
}

#[test]
fn none_has_no_payload() {
    let none = Draft {
        none: true,
        ..draft(&[], b"ignored")
    };
    let bytes = store(&none);
    assert!(matches!(
        read(&bytes),
        Stored::Entry(Entry {
            none: true,
            payload: [],
            ..
        })
    ));
}

#[test]
fn others_and_stumps_are_foreign() {
    for bytes in [
        &b""[..],
        b"42",
        b"{\"json\":true}",
        &[0xca, 0xc4, 0xed],
        &[0xca, 0xc4, 0xed, 2, 2, 0, 0],
    ] {
        assert!(matches!(read(bytes), Stored::Foreign));
    }
    assert!(matches!(read(&[0; 200]), Stored::Foreign));
}

#[test]
fn another_version_and_unknown_flags_are_outdated_even_with_a_good_checksum() {
    for (at, value) in [
        (VERSION_AT, 3),
        // Both compressions at once.
        (FLAGS_AT, 6),
        (FLAGS_AT, 8),
        (FLAGS_AT, 0x80),
        (CODEC_AT, 4),
        (KIND_AT, 4),
    ] {
        let mut bytes = store(&draft(&[], b"payload"));
        bytes[at] = value;
        let sum = checksum(&bytes[..56], &bytes[64..96], &bytes[104..]);
        bytes[96..104].copy_from_slice(&sum.to_le_bytes());
        assert!(
            matches!(read(&bytes), Stored::Outdated { .. }),
            "{at} {value}"
        );
    }
}

#[test]
fn a_tag_too_long_to_write_makes_the_entry_a_miss() {
    let tags = ["x".repeat(70_000)];
    assert!(matches!(
        read(&store(&draft(&tags, b"p"))),
        Stored::Outdated { .. }
    ));
    let tags = ["x".repeat(65_535)];
    assert!(matches!(
        read(&store(&draft(&tags, b"p"))),
        Stored::Entry(_)
    ));
}

#[test]
fn every_flipped_bit_is_seen() {
    let tags = tags();
    let bytes = store(&draft(&tags, b"some payload"));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(&damaged) {
            // The magic, or the namespace.
            Stored::Foreign => assert!(bit < 24 || (192..256).contains(&bit)),
            Stored::Outdated { identity } => assert_eq!(identity, damaged[..24]),
            // The time comes from the server, so it is not part of the checksum.
            Stored::Entry(entry) => {
                assert!((448..512).contains(&bit) && entry.payload == b"some payload");
            }
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

#[test]
fn every_truncation_is_seen() {
    let tags = tags();
    let bytes = store(&draft(&tags, b"some payload"));
    for length in 0..bytes.len() {
        match read(&bytes[..length]) {
            Stored::Foreign => assert!(length < 24),
            Stored::Outdated { .. } => assert!(length >= 24),
            other => panic!("{length}: {other:?}"),
        }
    }
}

/// Bytes that look like an entry at first.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    (
        0_u8..4,
        0_u8..4,
        0_u8..3,
        proptest::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(kind, codec, flags, rest)| {
            let id = [0; 16];
            [
                &[0xca, 0xc4, 0xed, 2, kind, codec, flags, 0][..],
                &id,
                &STAMP.namespace.to_le_bytes(),
                &rest,
            ]
            .concat()
        })
}

proptest! {
    #[test]
    fn any_bytes_are_something(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(matches!(read(&bytes), Stored::Foreign));
    }

    #[test]
    fn plausible_bytes_are_never_an_entry(bytes in plausible()) {
        prop_assert!(!matches!(read(&bytes), Stored::Entry(_)));
    }

    /// Wrong lengths, with a correct checksum.
    #[test]
    fn lying_lengths_are_outdated_or_harmless(claim in any::<u32>(), rest in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut bytes = store(&draft(&[], &rest));
        bytes[76..80].copy_from_slice(&claim.to_le_bytes());
        let sum = checksum(&bytes[..56], &bytes[64..96], &bytes[104..]);
        bytes[96..104].copy_from_slice(&sum.to_le_bytes());
        match read(&bytes) {
            Stored::Entry(entry) => {
                let tag_bytes: usize = entry.tags().map(|tag| tag.len() + 2).sum();
                prop_assert_eq!(tag_bytes + entry.payload.len(), rest.len());
            }
            Stored::Outdated { .. } => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_draft_round_trips(
        id in any::<[u8; 16]>(), origin in any::<u64>(), number in any::<u64>(), key in any::<u64>(), ttl_ms in any::<u64>(), load_ms in any::<u32>(),
        template in any::<u64>(), fingerprint in any::<u64>(), json in any::<bool>(),
        tags in proptest::collection::vec(any::<String>(), 0..4),
        payload in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let codec = if json { CodecKind::Json } else { CodecKind::Bincode };
        let stamp = Stamp { origin, number, key, ..STAMP };
        let draft = Draft { id, stamp, ttl_ms, load_ms, template, fingerprint, codec, none: false, packed: None, tags: &tags, payload: &payload };
        let bytes = store(&draft);
        let Stored::Entry(entry) = read(&bytes) else { return Err(TestCaseError::fail("no entry")) };
        prop_assert_eq!((entry.stamp, entry.ttl_ms, entry.load_ms), (stamp, ttl_ms, load_ms));
        prop_assert_eq!((entry.template, entry.fingerprint, entry.codec), (template, fingerprint, codec));
        prop_assert_eq!(entry.payload, &payload);
        prop_assert!(entry.tags().eq(tags.iter().map(String::as_str)));
    }
}

fn read(bytes: &[u8]) -> Stored<'_> {
    parse(bytes, STAMP.namespace)
}

const STAMP: Stamp = Stamp {
    namespace: 0x77,
    origin: 0x1122_3344_5566_7788,
    number: 12_345,
    key: 0x99,
};
