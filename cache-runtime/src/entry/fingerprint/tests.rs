use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::*;

fn fingerprint<T: DeserializeOwned + 'static>() -> u64 {
    shape_of::<T>().fingerprint()
}

fn codec<T: DeserializeOwned + 'static>() -> CodecKind {
    shape_of::<T>().codec(CodecKind::Bincode)
}

/// Declares the same struct again, with other fields.
macro_rules! version {
    ($($item:tt)*) => {{
        #[allow(dead_code)]
        #[derive(Deserialize)]
        $($item)*
        fingerprint::<Job>()
    }};
}

#[test]
fn every_change_that_matters_is_another_version() {
    let versions = [
        (
            "as it was",
            version! { struct Job { id: u32, title: String, tags: Vec<u8> } },
        ),
        (
            "renamed",
            version! { struct Job { id: u32, name: String, tags: Vec<u8> } },
        ),
        (
            "swapped",
            version! { struct Job { title: String, id: u32, tags: Vec<u8> } },
        ),
        (
            "retyped",
            version! { struct Job { id: u64, title: String, tags: Vec<u8> } },
        ),
        (
            "signed",
            version! { struct Job { id: i32, title: String, tags: Vec<u8> } },
        ),
        (
            "optional",
            version! { struct Job { id: u32, title: Option<String>, tags: Vec<u8> } },
        ),
        (
            "added",
            version! { struct Job { id: u32, title: String, tags: Vec<u8>, at: u8 } },
        ),
        (
            "removed",
            version! { struct Job { id: u32, title: String } },
        ),
        (
            "deeper",
            version! { struct Job { id: u32, title: String, tags: Vec<Vec<u8>> } },
        ),
        (
            "a map",
            version! { struct Job { id: u32, title: String, tags: BTreeMap<u8, u8> } },
        ),
        (
            "another map",
            version! { struct Job { id: u32, title: String, tags: BTreeMap<u8, u16> } },
        ),
        (
            "a tuple",
            version! { struct Job { id: u32, title: String, tags: (u8, u8) } },
        ),
        (
            "another tuple",
            version! { struct Job { id: u32, title: String, tags: (u8, u16) } },
        ),
        (
            "an array",
            version! { struct Job { id: u32, title: String, tags: [u8; 3] } },
        ),
        (
            "to bytes",
            version! { struct Job { id: u32, title: Vec<u8>, tags: Vec<u8> } },
        ),
        (
            "nested",
            version! { struct Job { id: u32, title: String, tags: Result<u8, String> } },
        ),
        ("an enum", version! { enum Job { A, B(u32), C { x: u8 } } }),
        (
            "a variant more",
            version! { enum Job { A, B(u32), C { x: u8 }, D } },
        ),
        ("a variant less", version! { enum Job { A, B(u32) } }),
        (
            "variants swapped",
            version! { enum Job { B(u32), A, C { x: u8 } } },
        ),
        (
            "a variant renamed",
            version! { enum Job { A, Z(u32), C { x: u8 } } },
        ),
        (
            "a variant retyped",
            version! { enum Job { A, B(u64), C { x: u8 } } },
        ),
        (
            "a variant's field renamed",
            version! { enum Job { A, B(u32), C { y: u8 } } },
        ),
        (
            "a variant's field retyped",
            version! { enum Job { A, B(u32), C { x: u16 } } },
        ),
        (
            "a unit filled",
            version! { enum Job { A(u8), B(u32), C { x: u8 } } },
        ),
        (
            "a variant of two",
            version! { enum Job { A, B(u32, u32), C { x: u8 } } },
        ),
        (
            "the second of two",
            version! { enum Job { A, B(u32, u64), C { x: u8 } } },
        ),
    ];
    for (i, (a, first)) in versions.iter().enumerate() {
        for (b, second) in &versions[i + 1..] {
            assert_ne!(first, second, "{a} / {b}");
        }
    }
}

#[test]
fn what_does_not_matter_is_no_other_version() {
    #[derive(Deserialize)]
    struct Job {
        _id: u32,
    }
    #[derive(Deserialize)]
    struct Renamed {
        _id: u32,
    }
    #[derive(Deserialize)]
    struct Wrapped(Job);
    assert_eq!(fingerprint::<Job>(), fingerprint::<Renamed>());
    assert_eq!(fingerprint::<Job>(), fingerprint::<Wrapped>());
    assert_eq!(fingerprint::<Job>(), fingerprint::<Box<Job>>());
    assert_eq!(fingerprint::<Vec<u8>>(), fingerprint::<HashSet<u8>>());
    assert_eq!(fingerprint::<String>(), fingerprint::<Box<str>>());
    assert_eq!(
        fingerprint::<HashMap<u8, u8>>(),
        fingerprint::<BTreeMap<u8, u8>>()
    );
    let _ = (
        |job: Job| job._id,
        |job: Renamed| job._id,
        |job: Wrapped| job.0,
    );
}

/// Two builds of one source must agree, or each restart begins with a cold cache. A change of these numbers makes
/// every stored entry a miss: change them only on purpose.
#[test]
fn fingerprints_are_the_same_in_every_build() {
    #[allow(dead_code)]
    #[derive(Deserialize)]
    struct Job {
        id: u32,
        title: Option<String>,
        state: State,
        pair: (u8, String),
    }
    #[allow(dead_code)]
    #[derive(Deserialize)]
    enum State {
        Open,
        Closed { by: String },
    }
    assert_eq!(fingerprint::<Job>(), 12_267_942_325_605_603_791);
    assert_eq!(fingerprint::<Vec<u64>>(), 9_950_091_914_592_849_657);
}

#[allow(dead_code)]
#[derive(Deserialize)]
struct Node {
    value: u32,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
    children: Vec<Node>,
}

#[allow(dead_code)]
#[derive(Deserialize)]
enum Expr {
    Add(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Call { name: String, args: Vec<Expr> },
    Literal(i64),
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Tree(Vec<Tree>);

#[derive(Deserialize)]
struct Endless(Box<Endless>);

#[test]
fn recursive_types_have_an_end() {
    assert_ne!(fingerprint::<Node>(), fingerprint::<Expr>());
    assert_ne!(fingerprint::<Tree>(), fingerprint::<Endless>());
    let _ = (|tree: Tree| tree.0, |endless: Endless| endless.0);
    assert_eq!(codec::<Expr>(), CodecKind::Bincode);
}

#[test]
fn a_change_inside_a_recursive_type_is_seen() {
    #[allow(dead_code)]
    #[derive(Deserialize)]
    enum Expr {
        Add(Box<Expr>, Box<Expr>),
        Not(Box<Expr>),
        Call { name: String, args: Vec<Expr> },
        Literal(i32),
    }
    assert_ne!(
        fingerprint::<Expr>(),
        fingerprint::<crate::entry::fingerprint::tests::Expr>()
    );
}

#[test]
fn the_same_generic_type_inside_itself_is_no_recursion() {
    #[allow(dead_code)]
    #[derive(Deserialize)]
    struct Page<T> {
        items: Vec<T>,
    }
    assert_ne!(
        fingerprint::<Page<Page<u8>>>(),
        fingerprint::<Page<Page<u16>>>()
    );
}

/// Accepts only certain texts, as an address or a date does.
struct Choosy;

impl<'de> Deserialize<'de> for Choosy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "1970-01-01T00:00:00Z" => Ok(Self),
            _ => Err(serde::de::Error::custom("no date")),
        }
    }
}

/// Accepts no value that the filler could create.
struct Mulish;

impl<'de> Deserialize<'de> for Mulish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?;
        Err(serde::de::Error::custom("never"))
    }
}

struct Panicky;

impl<'de> Deserialize<'de> for Panicky {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("this panic is part of a test")
    }
}

#[test]
fn choosy_types_hide_nothing_that_follows_them() {
    assert_ne!(
        fingerprint::<(Choosy, u8)>(),
        fingerprint::<(Choosy, u16)>()
    );
    assert_ne!(
        fingerprint::<(Choosy, std::num::NonZeroU8, u8)>(),
        fingerprint::<(Choosy, std::num::NonZeroU8, u16)>()
    );
    #[allow(dead_code)]
    #[derive(Deserialize)]
    struct A {
        mulish: Mulish,
        after: u8,
    }
    #[allow(dead_code)]
    #[derive(Deserialize)]
    struct B {
        mulish: Mulish,
        after: u16,
    }
    assert_ne!(fingerprint::<A>(), fingerprint::<B>());
    // In a tuple this type cannot be avoided.
    fingerprint::<(Mulish, u8)>();
}

#[test]
fn a_panicking_type_is_survived() {
    assert_eq!(fingerprint::<Vec<Panicky>>(), fingerprint::<Vec<Panicky>>());
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    A { x: u8 },
}

#[allow(dead_code)]
#[derive(Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: HashMap<String, u8>,
}

#[test]
fn types_that_look_at_the_data_are_stored_as_json() {
    assert_eq!(codec::<Untagged>(), CodecKind::Json);
    assert_eq!(codec::<Tagged>(), CodecKind::Json);
    assert_eq!(codec::<Flat>(), CodecKind::Json);
    assert_eq!(codec::<serde_json::Value>(), CodecKind::Json);
    assert_eq!(codec::<Vec<(u8, Option<Untagged>)>>(), CodecKind::Json);
    assert_ne!(fingerprint::<Untagged>(), fingerprint::<Tagged>());
}

#[test]
fn usual_types_are_stored_as_asked() {
    assert_eq!(codec::<Node>(), CodecKind::Bincode);
    assert_eq!(
        codec::<HashMap<String, Vec<Option<Duration>>>>(),
        CodecKind::Bincode
    );
    assert_eq!(
        codec::<(std::net::IpAddr, Result<u8, String>, [u8; 4], ())>(),
        CodecKind::Bincode
    );
    assert_eq!(shape_of::<u8>().codec(CodecKind::Json), CodecKind::Json);
}

#[test]
fn a_type_of_very_many_paths_is_cut_and_still_has_a_fingerprint() {
    type Eight<T> = (T, T, T, T, T, T, T, T);
    type Wide = Eight<Eight<Eight<Eight<Eight<u8>>>>>;
    assert_ne!(fingerprint::<Wide>(), 0);
}
