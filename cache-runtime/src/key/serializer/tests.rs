use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::{Serialize, ser};

use super::*;
use crate::key::cache_key::CacheKey;
use crate::key::part::KeyPart;
use crate::key::template::Template;
use crate::key::writer::MAX_SEGMENT;

const ONE: Template = Template::new(&["", ""]);

fn text(value: &dyn KeyPart) -> String {
    ONE.render(&[value]).unwrap().to_string()
}

fn refusal(value: &dyn KeyPart) -> String {
    ONE.render(&[value]).unwrap_err().to_string()
}

#[derive(Serialize, Clone, Debug, PartialEq)]
struct Page {
    skip: u32,
    limit: u32,
}

#[derive(Serialize, Clone, Debug, PartialEq)]
struct UserId(i64);

#[derive(Serialize, Clone, Debug, PartialEq)]
struct Marker;

#[derive(Serialize, Clone, Debug, PartialEq)]
struct Point(f64, f64);

#[derive(Serialize, Clone, Debug, PartialEq)]
enum Filter {
    All,
    Named(String),
    Between(i64, i64),
    Page { skip: u32 },
}

#[derive(Serialize, Clone, Debug, PartialEq)]
struct Nothing {}

struct Bytes(&'static [u8]);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

struct Broken;

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("no luck"))
    }
}

/// Some(Some(Some(…None))), nested without end.
#[derive(Serialize)]
struct Deep(Vec<Deep>);

/// The table in ARCHITECTURE.md.
#[test]
fn values_read_as_documented() {
    let uuid = "6f2c1d3e-0000-4000-8000-0123456789ab";
    let map = HashMap::from([("b", 2), ("a", 1), ("c d", 3)]);
    let table: &[(&dyn KeyPart, &str)] = &[
        // numbers and bools
        (&0_u8, "0"),
        (&-7_i64, "-7"),
        (&i64::MIN, "-9223372036854775808"),
        (&u64::MAX, "18446744073709551615"),
        (&i128::MIN, "-170141183460469231731687303715884105728"),
        (&u128::MAX, "340282366920938463463374607431768211455"),
        (&true, "true"),
        (&1.5_f64, "1.5"),
        (&2.0_f64, "2.0"),
        (&0.1_f32, "0.1"),
        (&1e300_f64, "1e300"),
        (&-0.0_f64, "0.0"),
        (&f64::INFINITY, "!inf"),
        (&f32::NEG_INFINITY, "!-inf"),
        // text
        (&"rust", "rust"),
        (&"42", "42"),
        (&"true", "true"),
        (&'x', "x"),
        (&"", "''"),
        (&"a:b*c", "a%3Ab%2Ac"),
        (&"two words", "two%20words"),
        (&"Zürich", "Zürich"),
        (&"nobody@example.org", "nobody@example.org"),
        (&uuid, uuid),
        (&Bytes(&[0, 0xff]), "!x00ff"),
        (&Bytes(&[]), "!x"),
        // nothing
        (&None::<i32>, "~"),
        (&Some(5), "5"),
        (&Some(""), "''"),
        (&Some("~"), "%7E"),
        (&Some(None::<i32>), "~~"),
        (&Some(Some(None::<i32>)), "~~~"),
        (&Some(Some(5)), "5"),
        (&(), "!"),
        (&Marker, "!"),
        (&Some(()), "!"),
        // compounds
        (&[1, 2], "(1,2)"),
        (&[0_i32; 0], "()"),
        (
            &["1", "x", "", "true", "1a", "-5", "1e5", "2024-01-01"],
            "('1',x,'','true',1a,'-5','1e5',2024-01-01)",
        ),
        (&("a,b", 1), "(a%2Cb,1)"),
        (&[None, Some(1)], "(~,1)"),
        (&[[1], [2]], "((1),(2))"),
        (&map, "{a=1,b=2,c%20d=3}"),
        (&BTreeMap::from([(1, "1")]), "{1='1'}"),
        (&Page { skip: 0, limit: 20 }, "{skip=0,limit=20}"),
        (&Nothing {}, "{}"),
        (&UserId(7), "7"),
        (&Point(1.0, 2.5), "(1.0,2.5)"),
        (&Filter::All, "$All"),
        (&Filter::Named("x".into()), "$Named(x)"),
        (&Filter::Between(1, 2), "$Between(1,2)"),
        (&Filter::Page { skip: 1 }, "$Page{skip=1}"),
        // long
        (&"x".repeat(96), &"x".repeat(96)),
        (&"x".repeat(97), "!had8653372e0352494fc3012741ea13e4"),
    ];
    for (value, expected) in table {
        assert_eq!(text(*value), *expected);
    }
}

#[test]
fn a_number_and_its_text_are_one_key_at_the_top() {
    assert_eq!(text(&1_u32), text(&"1"));
    assert_eq!(text(&UserId(1)), text(&"1"));
    assert_ne!(text(&[1]), text(&["1"]));
    assert_ne!(text(&[true]), text(&["true"]));
    assert_ne!(text(&(1.5,)), text(&("1.5",)));
}

#[test]
fn what_cannot_be_told_apart_is_no_key() {
    assert_eq!(
        refusal(&f32::NAN),
        "NaN cannot be part of a key: it is not even equal to itself"
    );
    assert_eq!(refusal(&Some(vec![f64::NAN])), refusal(&f64::NAN));
    assert_eq!(
        refusal(&Broken),
        "the value refused to be serialized: no luck"
    );
    let mut deep = Deep(Vec::new());
    for _ in 0..MAX_DEPTH {
        deep = Deep(vec![deep]);
    }
    assert!(refusal(&deep).contains("64 levels"));
}

#[test]
fn depth_within_the_limit_is_fine() {
    let mut deep = Deep(Vec::new());
    for _ in 0..30 {
        deep = Deep(vec![deep]);
    }
    assert!(text(&deep).starts_with("(((("));
}

#[test]
fn ten_kilobytes_stay_distinct_and_short() {
    let long = "a".repeat(10_000);
    let other = format!("{}b", &long[1..]);
    assert_ne!(text(&long), text(&other));
    assert_eq!(text(&long).len(), 34);
    // Each placeholder is shortened separately.
    let two = Template::new(&["x:", ":", ""])
        .render(&[&long, &"tail"])
        .unwrap();
    assert!(two.as_str().ends_with(":tail"));
}

#[test]
fn maps_do_not_depend_on_their_order() {
    let forward: HashMap<_, _> = (0..50).map(|i| (i, i)).collect();
    let backward: HashMap<_, _> = (0..50).rev().map(|i| (i, i)).collect();
    assert_eq!(text(&forward), text(&backward));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-c:*<>(){}=,;~!$'#%? \\[\\]\u{0}\n\t0-2.eé東-]{0,12}",
        "[x:*]{90,110}",
        Just(String::new()),
    ]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    prop_oneof![
        Just(Filter::All),
        any_text().prop_map(Filter::Named),
        (-2_i64..2, -2_i64..2).prop_map(|(a, b)| Filter::Between(a, b)),
        (0_u32..3).prop_map(|skip| Filter::Page { skip }),
    ]
}

/// Only a few different texts, so that pairs collide if they can.
fn tight_text() -> impl Strategy<Value = String> {
    "[1~',(:%a!]{0,2}"
}

/// The property: two texts are equal exactly if the values are.
fn same<T: Serialize + PartialEq>(a: &T, b: &T) -> Result<(), TestCaseError> {
    prop_assert_eq!(text(&a) == text(&b), a == b, "{} {}", text(&a), text(&b));
    Ok(())
}

proptest! {
    #[test]
    fn strings_are_injective(a in any_text(), b in any_text()) {
        same(&a, &b)?;
        same(&a, &a.clone())?;
    }

    #[test]
    fn tight_strings_are_injective(a in tight_text(), b in tight_text()) {
        same(&a, &b)?;
        same(&Some(a.clone()), &Some(b.clone()))?;
        same(&vec![a.clone()], &vec![b.clone()])?;
        same(&BTreeMap::from([(a.clone(), 1)]), &BTreeMap::from([(b.clone(), 1)]))?;
        same(&Filter::Named(a), &Filter::Named(b))?;
    }

    #[test]
    fn options_are_injective(
        a in proptest::option::of(proptest::option::of(tight_text())),
        b in proptest::option::of(proptest::option::of(tight_text())),
    ) {
        same(&a, &b)?;
        same(&vec![a.clone()], &vec![b.clone()])?;
        same(&Some(a), &Some(b))?;
    }

    #[test]
    fn lists_are_injective(
        a in proptest::collection::vec(tight_text(), 0..4),
        b in proptest::collection::vec(tight_text(), 0..4),
    ) {
        same(&a, &b)?;
        same(&vec![a.clone(), b.clone()], &vec![b, a])?;
    }

    #[test]
    fn maps_are_injective(
        a in proptest::collection::btree_map(tight_text(), tight_text(), 0..3),
        b in proptest::collection::btree_map(tight_text(), tight_text(), 0..3),
    ) {
        same(&a, &b)?;
    }

    #[test]
    fn enums_are_injective(a in any_filter(), b in any_filter()) {
        same(&a, &b)?;
        same(&(a.clone(), Some(b.clone())), &(b, Some(a)))?;
    }

    #[test]
    fn integers_are_their_digits(small in 0_u64..1200, n in any::<u64>(), i in any::<i64>()) {
        prop_assert_eq!(text(&small), small.to_string());
        prop_assert_eq!(text(&n), n.to_string());
        prop_assert_eq!(text(&i), i.to_string());
    }

    #[test]
    fn floats_are_injective(a in any::<f64>(), b in any::<f64>(), c in any::<f32>()) {
        prop_assume!(!a.is_nan() && !b.is_nan() && !c.is_nan());
        same(&a, &b)?;
        if c.is_finite() {
            prop_assert_eq!(text(&c).parse::<f32>().unwrap(), c);
        }
    }

    #[test]
    fn numbers_and_texts_differ_inside_compounds(n in any::<i64>(), f in any::<f64>(), b in any::<bool>()) {
        prop_assert_ne!(text(&[n]), text(&[n.to_string()]));
        prop_assert_ne!(text(&[b]), text(&[b.to_string()]));
        if !f.is_nan() {
            prop_assert_ne!(text(&[f]), text(&[format!("{f:?}")]));
        }
    }

    #[test]
    fn no_json_value_is_taken_for_another_inside_a_compound(a in any_json(), b in any_json()) {
        same(&[a], &[b])?;
    }

    #[test]
    fn two_placeholders_forge_nothing(
        a in any_text(), b in any_text(), c in any_text(), d in any_text(),
    ) {
        const TWO: Template = Template::new(&["t:", ":", ""]);
        let left = TWO.render(&[&a, &b]).unwrap();
        let right = TWO.render(&[&c, &d]).unwrap();
        prop_assert_eq!(left == right, (&a, &b) == (&c, &d));
        prop_assert_eq!(left.as_str().matches(':').count(), 2);
    }

    #[test]
    fn nothing_rendered_can_be_a_separator_or_a_glob(
        a in any_text(), f in any_filter(), m in proptest::collection::btree_map(any_text(), any_text(), 0..3),
    ) {
        let texts = [text(&a), text(&f), text(&m), text(&(a, f, m))];
        for text in texts {
            prop_assert!(!text.is_empty());
            let forbidden = |c: char| ":*?[]<>#".contains(c) || c.is_whitespace() || c.is_control();
            prop_assert!(!text.contains(forbidden), "{}", text);
            prop_assert!(text.len() <= MAX_SEGMENT);
        }
    }

    #[test]
    fn manual_keys_are_injective(a in any_text(), b in any_text()) {
        prop_assert_eq!(CacheKey::new(&a) == CacheKey::new(&b), a == b);
    }
}

/// JSON without floats: two floats may be equal although their texts differ, or the reverse.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        prop_oneof![
            tight_text(),
            "-?[0-2]",
            Just("true".to_owned()),
            Just("null".to_owned())
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map("[a=,1]{0,2}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
