//! Tests of reading expressions.

use super::*;
use crate::ctl::map::names::Names;
use crate::ctl::map::variables::Variable;

fn read<T>(source: &str, read: impl Fn(Reading<'_>, &Expr) -> T) -> T {
    let mut names = Names::default();
    let file = "const ENTITY: &str = \"job\"; const LOOP: &str = LOOP; const DAY: Duration = Duration::from_hours(24);
        fn resume(code: &str) -> CacheKey { CacheKey::of(\"employee:résumé\").segment(code) }
        fn endless() -> CacheKey { endless() }";
    names.add(&syn::parse_str(file).unwrap());
    let is = |source| Variable::Is(Box::new(syn::parse_str(source).unwrap()));
    let locals = Locals::from([
        ("key".to_owned(), is("resume(code)")),
        ("itself".to_owned(), is("itself")),
        ("given".to_owned(), Variable::Given),
        ("changed".to_owned(), Variable::Uncertain),
    ]);
    let expr: Expr = syn::parse_str(source).unwrap_or_else(|why| panic!("{source}: {why}"));
    read(Reading::new(Known::new(&names, &names), &locals), &expr)
}

#[test]
fn keys_are_what_the_constructors_of_the_library_make() {
    for (source, key) in [
        ("\"a b:c\"", "a%20b:c"),
        ("r\"a\\b\"", "a%5Cb"),
        ("&\"größe\".to_owned()", "größe"),
        ("CacheKey::new(\"settings:theme\")", "settings:theme"),
        (
            "CacheKey::of(ENTITY).segment(&7).segment(\"a:b\")",
            "job:7:a%3Ab",
        ),
        ("cache_runtime::CacheKey::user(user_id)", "user:<user_id>"),
        ("CacheKey::user_roles(self.id)", "user:<self.id>:roles"),
        (
            "CacheKey::list_paginated(\"employee\", page.number, 20)",
            "employee:list:p<page.number>:pp20",
        ),
        (
            "CacheKey::search(\"employee\", &wanted.q, wanted.limit)",
            "employee:search:<wanted.q>:l<wanted.limit>",
        ),
        (
            "CacheKey::dashboard(\"summary\", id)",
            "dashboard:summary:<id>",
        ),
        ("format!(\"jobs:{id}:{{x}}\")", "jobs:<id>:%7Bx%7D"),
        ("keys::resume(&code)", "employee:résumé:<code>"),
        ("key.clone()", "employee:résumé:<code>"),
        ("CacheKey::of(kind).segment(id)", "<kind>:<id>"),
        ("CacheKey::of(given).segment(changed)", "<given>:<changed>"),
    ] {
        let text = read(source, |reading, expr| reading.key(expr));
        assert_eq!(
            text.map(|text| text.to_string()).as_deref(),
            Some(key),
            "{source}"
        );
    }
}

#[test]
fn what_is_not_in_the_source_is_not_guessed() {
    for source in [
        "unknown(&code)",
        "if a { CacheKey::user(1) } else { CacheKey::user(2) }",
        "argument",
        "given",
        "changed",
        "given(7)",
        "CacheKey::of(changed).segment(id)",
        "CacheKey::search(changed.as_str(), q, 10)",
        "itself",
        "LOOP",
        "endless()",
        "CacheKey::of(\"a\").then(1)",
        "Other::of(\"a\")",
        "7",
    ] {
        let text = read(source, |reading, expr| reading.key(expr));
        assert_eq!(text, None, "{source}");
    }
}

#[test]
fn prefixes_and_tags_are_read_as_the_library_writes_them() {
    for (source, prefix) in [
        ("\"report 2024:\"", "report%202024:"),
        ("KeyPrefix::of(\"user\").segment(&id)", "user:<id>:"),
        ("KeyPrefix::from(\"user:1\")", "user:1"),
        ("format!(\"user:{}:\", id)", "user:<…>:"),
    ] {
        let text = read(source, |reading, expr| reading.prefix(expr));
        assert_eq!(
            text.map(|text| text.to_string()).as_deref(),
            Some(prefix),
            "{source}"
        );
    }
    for (source, tags) in [
        ("[\"a\", \"b c\"]", &["a", "b%20c"][..]),
        (
            "result.iter().map(|label| Tag::of(\"label\").segment(label))",
            &["label:<label>"],
        ),
        (
            "result.iter().map(|x| Tag::of(\"a\").segment(x)).chain([Tag::of(\"b\")])",
            &["a:<x>", "b"],
        ),
        (
            "vec![Tag::from(\"x\"), Tag::of(\"y\").segment(&1)]",
            &["x", "y:1"],
        ),
        (
            "ids.iter().map(|id| format!(\"author:{id}\")).collect::<Vec<_>>()",
            &["author:<id>"],
        ),
    ] {
        let texts = read(source, |reading, expr| reading.tags(expr)).unwrap_or_default();
        let texts: Vec<String> = texts.iter().map(Text::to_string).collect();
        assert_eq!(texts, tags, "{source}");
    }
    assert_eq!(
        read("labels(&result)", |reading, expr| reading.tags(expr)),
        None
    );
}

#[test]
fn durations_are_read_if_they_are_numbers() {
    for (source, seconds) in [
        ("Duration::from_secs(90)", Some(90)),
        ("std::time::Duration::from_mins(2)", Some(120)),
        ("DAY", Some(86_400)),
        ("120", Some(120)),
        (
            "if vip { Duration::from_secs(5) } else { Duration::from_secs(60) }",
            None,
        ),
        ("Duration::from_secs(n)", None),
        ("Duration::from_days(18446744073709551615)", None),
    ] {
        let length = read(source, |reading, expr| reading.duration(expr));
        assert_eq!(length.map(|length| length.as_secs()), seconds, "{source}");
    }
}

#[test]
fn a_cache_is_recognised_by_its_name() {
    for (source, expected) in [
        ("cache().delete(\"a\")", true),
        ("cache_runtime::cache().delete(\"a\")", true),
        ("self.job_cache.delete(\"a\")", true),
        ("state.cache().delete(\"a\")", true),
        ("client.delete(\"a\")", false),
        ("routing::put(a).delete(\"a\")", false),
    ] {
        let Expr::MethodCall(call) = syn::parse_str(source).unwrap() else {
            panic!("{source}");
        };
        assert_eq!(is_on_a_cache(&call), expected, "{source}");
    }
}
