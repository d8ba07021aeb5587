use proptest::prelude::*;

use super::*;
use crate::key::elements::PatternPart;
use crate::key::pattern_template::{Elements, PatternTemplate};
use crate::key::template::Template;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn matches(text: &str, key: &str) -> bool {
    pattern(text).matches(key, &[] as &[&str])
}

#[test]
fn texts_mean_what_the_table_says() {
    for (text, expected) in [
        ("jobs:stats", Pattern::Subtree("jobs:stats".into())),
        ("jobs:", Pattern::Prefix("jobs:".into())),
        ("jobs:*", Pattern::Prefix("jobs:".into())),
        ("jobs:li*", Pattern::Prefix("jobs:li".into())),
        ("jobs:li**", Pattern::Prefix("jobs:li".into())),
        ("*", Pattern::all()),
        ("user:*:roles", Pattern::Glob(Glob::new("user:*:roles"))),
        ("*:roles", Pattern::Glob(Glob::new("*:roles"))),
        ("=jobs:stats", Pattern::Key("jobs:stats".into())),
        ("=jobs:", Pattern::Key("jobs:".into())),
        ("#author:7", Pattern::Tag("author:7".into())),
        ("#author:", Pattern::TagPrefix("author:".into())),
        ("#author:*", Pattern::TagPrefix("author:".into())),
        ("#*", Pattern::TagPrefix(String::new())),
        ("#=author:", Pattern::Tag("author:".into())),
        ("#b+#a:1", Pattern::AllTags(vec!["a:1".into(), "b".into()])),
    ] {
        assert_eq!(pattern(text), expected, "{text}");
        assert_eq!(text.parse(), Ok(expected.clone()));
        assert_eq!(Pattern::try_from(text), Ok(expected));
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_advice() {
    for (text, advice) in [
        ("", "write `*` to remove everything"),
        ("#", "write a tag after `#`"),
        ("=", "a key after `=`"),
        ("user:?", "written as its escape `%3F`"),
        ("user:[ab]", "written as its escape `%5B`"),
        ("user:ab]", "written as its escape `%5D`"),
        ("user:<id>", "#[cached(invalidates"),
        ("user:\n", "control character"),
        ("#a*b", "only be the last character"),
        ("=a*", "`=` names one key"),
    ] {
        let error = Pattern::parse(text).unwrap_err().to_string();
        assert!(error.contains(advice), "{text:?}: {error}");
    }
}

#[test]
fn keys_match_as_the_table_says() {
    for (text, yes, no) in [
        (
            "user:1",
            &["user:1", "user:1:roles", "user:1:a:b"][..],
            &["user:10", "user:", "user", "xuser:1"][..],
        ),
        (
            "jobs:",
            &["jobs:", "jobs:1", "jobs:list:0"],
            &["jobs", "job:1"],
        ),
        ("jobs:li*", &["jobs:li", "jobs:list:1"], &["jobs:l"]),
        ("*", &["", "a", "a:b"], &[]),
        (
            "*:roles",
            &["user:1:roles", ":roles"],
            &["user:1:roles:x", "roles"],
        ),
        (
            "*:list:*",
            &["a:list:", "a:b:list:c:d"],
            &["list:a", "a:list"],
        ),
        (
            "user:*:roles",
            &["user:1:roles", "user:1:x:roles", "user::roles"],
            &["user:roles", "user:1:roles:"],
        ),
        ("user:*:", &["user:1:roles", "user:1:"], &["user:1"]),
        ("a*b*c", &["abc", "aXbYc", "abbcbc"], &["ab", "acb", "abcd"]),
        ("=user:1", &["user:1"], &["user:1:roles", "user:10"]),
        ("#user:1", &[], &["user:1"]),
    ] {
        for key in yes {
            assert!(matches(text, key), "{text} {key}");
        }
        for key in no {
            assert!(!matches(text, key), "{text} {key}");
        }
    }
}

#[test]
fn tags_match_entries_by_their_tags() {
    let tags = ["author:7", "draft"];
    for (text, expected) in [
        ("#author:7", true),
        ("#author:", true),
        ("#author", false),
        ("#a*", true),
        ("#author:77", false),
    ] {
        assert_eq!(pattern(text).matches("any:key", &tags), expected, "{text}");
    }
    assert!(Pattern::tag("draft").matches("x", &tags));
    assert!(Pattern::all().matches("x", &[] as &[&str]));
}

#[test]
fn scan_prefixes_are_the_literal_beginning() {
    for (text, prefix) in [
        ("jobs:stats", Some("jobs:stats")),
        ("jobs:", Some("jobs:")),
        ("user:*:roles", Some("user:")),
        ("*:roles", Some("")),
        ("=a", Some("a")),
        ("#a", None),
        ("#a*", None),
    ] {
        assert_eq!(pattern(text).scan_prefix(), prefix, "{text}");
    }
}

#[test]
fn covers_what_it_is_certain_of() {
    for (wide, narrow) in [
        ("*", "#author:7"),
        ("*", "*:roles"),
        ("jobs:", "jobs:list:*:x"),
        ("jobs:", "jobs:stats"),
        ("jobs", "jobs:"),
        ("jobs", "jobs:*:x"),
        ("jobs", "=jobs"),
        ("jobs", "jobs:list"),
        ("user:*", "user:1"),
        ("*:list:*", "jobs:list:1:"),
        ("*:list:*", "jobs:list:*:x"),
        ("a*c", "ab*c"),
        ("#author:", "#author:7"),
        ("#author:*", "#author:7*"),
    ] {
        assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
    }
    for (wide, narrow) in [
        ("jobs:", "jobs"),
        ("jobs", "jobsx"),
        ("jobs", "jobs*"),
        ("jobs", "jobs*:x"),
        ("=jobs", "jobs"),
        ("*:roles", "user:1:roles"),
        ("#author:7", "#author:"),
        ("#author:", "user:1"),
        ("jobs:", "#author:7"),
        ("ab*c", "a*c"),
    ] {
        assert!(!pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
    }
}

const USER: PatternTemplate = PatternTemplate::new(&["user:", ""]);

#[test]
fn a_rendered_value_is_one_segment() {
    assert_eq!(USER.render(&[&1]), Pattern::Subtree("user:1".into()));
    assert_eq!(
        USER.render(&[&"1:x*"]),
        Pattern::Subtree("user:1%3Ax%2A".into())
    );
    let below = PatternTemplate::new(&["user:", ":*"]);
    assert_eq!(below.render(&[&1]), Pattern::Prefix("user:1:".into()));
    let glob = PatternTemplate::new(&["*:", ":roles"]);
    assert_eq!(glob.render(&[&"*"]).to_string(), "*:%2A:roles");
    let tag = PatternTemplate::new(&["#author:", ""]);
    assert_eq!(tag.render(&[&7]), Pattern::Tag("author:7".into()));
    // A value at the beginning cannot make it a tag.
    assert_eq!(
        PatternTemplate::new(&["", ""]).render(&[&"#x"]),
        Pattern::Subtree("%23x".into())
    );
    assert_eq!(
        PatternTemplate::new(&["jobs:"]).render(&[]),
        Pattern::Prefix("jobs:".into())
    );
}

#[test]
fn a_value_that_cannot_be_rendered_widens() {
    let two = PatternTemplate::new(&["price:", ":at:", ":x"]);
    assert_eq!(
        two.render(&[&f64::NAN, &1]),
        Pattern::Prefix("price:".into())
    );
    assert_eq!(
        two.render(&[&1, &f64::NAN]),
        Pattern::Prefix("price:1:at:".into())
    );
    assert_eq!(two.render(&[&1]), Pattern::Prefix("price:1:at:".into()));
    assert_eq!(two.widened(), Pattern::Prefix("price:".into()));
    assert_eq!(
        PatternTemplate::new(&["#a:", ""]).widened(),
        Pattern::TagPrefix("a:".into())
    );
    assert_eq!(
        PatternTemplate::new(&["*:a:", ""]).widened().to_string(),
        "*:a:*"
    );
    assert_eq!(
        PatternTemplate::new(&["jobs:stats"]).widened(),
        Pattern::Subtree("jobs:stats".into())
    );
    // The prefix does not contain half a value.
    let half = PatternTemplate::new(&["p:", ""]).render(&[&(1, f64::NAN)]);
    assert_eq!(half, Pattern::Prefix("p:".into()));
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let text = "[ab:]{0,3}";
    prop_oneof![
        text.prop_map(Pattern::Key),
        text.prop_map(Pattern::Subtree),
        text.prop_map(Pattern::Prefix),
        text.prop_map(Pattern::Tag),
        text.prop_map(Pattern::TagPrefix),
        "[ab:*]{0,5}".prop_map(|text| Pattern::Glob(Glob::new(&text))),
    ]
}

fn any_literal_and_value() -> impl Strategy<Value = (Vec<String>, String)> {
    (proptest::collection::vec("[a:*b]{0,3}", 2), any::<String>())
}

/// The simplest implementation of `*`.
fn naive(pattern: &[u8], key: &[u8]) -> bool {
    match pattern.split_first() {
        None => key.is_empty(),
        Some((b'*', rest)) => (0..=key.len()).any(|n| naive(rest, &key[n..])),
        Some((byte, rest)) => key
            .split_first()
            .is_some_and(|(first, key)| first == byte && naive(rest, key)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn covers_is_sound(
        a in any_pattern(), b in any_pattern(), key in "[ab:]{0,5}",
        tags in proptest::collection::vec("[ab:]{0,3}", 0..3),
    ) {
        if a.covers(&b) && b.matches(&key, &tags) {
            prop_assert!(a.matches(&key, &tags), "{} {}", a, b);
        }
    }

    #[test]
    fn globs_match_as_the_simplest_matcher_does(text in "[ab:*]{1,6}", key in "[ab:]{0,8}") {
        let glob = Glob::new(&text);
        prop_assert_eq!(glob.matches(&key), naive(glob.text.as_bytes(), key.as_bytes()));
        if glob.matches(&key) {
            prop_assert!(key.starts_with(glob.literal_prefix()));
        }
    }

    #[test]
    fn texts_and_patterns_round_trip(text in "[#=]{0,2}[ab:* ]{0,6}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
        }
    }

    #[test]
    fn keys_and_rendered_patterns_round_trip(text in any::<String>(), value in any::<String>()) {
        let key = Pattern::key(&CacheKey::new(&text));
        prop_assert_eq!(Pattern::parse(&key.to_string()), Ok(key));
        for literals in [&["u:", ""][..], &["u:", ":"], &["u:", ":*"], &["*:", ":x"], &["#a:", ""], &["", ""]] {
            let rendered = PatternTemplate::new(literals).render(&[&value]);
            prop_assert_eq!(Pattern::parse(&rendered.to_string()), Ok(rendered));
        }
    }

    #[test]
    fn a_removal_never_reaches_another_value(a in any::<String>(), b in any::<String>()) {
        const KEY: Template = Template::new(&["user:", ":roles"]);
        let key = KEY.render(&[&b]).unwrap();
        let found = USER.render(&[&a]).matches(key.as_str(), &[] as &[&str]);
        prop_assert_eq!(found, a == b);
    }

    #[test]
    fn the_literal_prefix_always_holds((literals, value) in any_literal_and_value()) {
        // Templates take static literals; here they are leaked.
        let literals: Vec<&'static str> = literals.into_iter().map(|text| &*text.leak()).collect();
        let template = PatternTemplate::new(literals.leak());
        let exact = template.render(&[&value]);
        prop_assert!(template.widened().covers(&exact), "{} {}", template.widened(), exact);
    }
}

proptest! {
    /// Whatever the elements and the bound are, the key of each combination is covered.
    #[test]
    fn the_patterns_of_lists_cover_the_key_of_every_combination(
        rows in proptest::collection::vec(any::<u32>(), 0..5),
        columns in proptest::collection::vec(".{0,6}", 0..5),
        bound in 0_usize..30,
    ) {
        const KEY: Template = Template::new(&["k:", ":", ":", ""]);
        const REMOVED: PatternTemplate = PatternTemplate::new(&["k:", ":", ":", ""]);
        let patterns = match REMOVED.render_elements(&[&"fixed", &rows, &columns], bound) {
            Elements::All(patterns) => patterns,
            Elements::TooMany(covering) => vec![covering],
        };
        for row in &rows {
            for column in &columns {
                let ways: [[&dyn PatternPart; 2]; 4] =
                    [[row, column], [row, &columns], [&rows, column], [&rows, &columns]];
                for [row, column] in ways {
                    let key = KEY.render(&[&"fixed", row, column]).unwrap();
                    let covers = |pattern: &Pattern| pattern.matches(key.as_str(), &[""; 0]);
                    prop_assert!(patterns.iter().any(covers), "{key:?}");
                }
            }
        }
        prop_assert!(patterns.len() <= bound.max(1));
        let other = KEY.render(&[&"other", &1, &"x"]).unwrap();
        prop_assert!(!patterns.iter().any(|pattern| pattern.matches(other.as_str(), &[""; 0])));
    }
}
