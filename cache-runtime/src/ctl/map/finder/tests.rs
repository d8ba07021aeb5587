//! Tests of finding functions.

use proptest::prelude::*;

use super::*;
use crate::ctl::map::function::{How, Key};
use crate::ctl::map::names::Names;

fn found(text: &str) -> Found {
    let source = Source::parse("src/jobs.rs".to_owned(), text)
        .unwrap_or_else(|why| panic!("{text}: {why:?}"));
    let mut names = Names::default();
    names.add(&source.syntax);
    let place = PlaceInCrate {
        name: Some("app".to_owned()),
        modules: vec!["jobs".to_owned()],
    };
    find(Around {
        source: &source,
        names: Known::new(&names, &names),
        place: &place,
        default_ttl: Duration::from_secs(300),
    })
}

/// Name, line and key of all that is stored.
fn stored(text: &str) -> Vec<(String, usize, String)> {
    let functions = found(text).functions.into_iter();
    functions
        .flat_map(|function| {
            let name = function.name;
            let stores = function.stores.into_iter();
            stores.map(move |store| (name.clone(), store.line, store.key.shown()))
        })
        .collect()
}

#[test]
fn functions_are_found_wherever_they_are() {
    let text = r#"
#[cached(key = "a:<id>")]
async fn free(id: u64) -> u64 { id }

mod inner {
    #[cache_runtime::cached(key = "b")]
    pub(crate) async fn in_a_module() -> u64 { 1 }
}

impl<T: Table> Repo<T> {
    /// Documentation.
    #[cfg_attr(feature = "cache", cached(key = "c:<self.id>"))]
    async fn method<'a>(&'a self) -> u64 {
        #[cached(key = "d")]
        async fn within() -> u64 { 1 }
        within().await
    }
}

trait Load {
    #[cached(key = "e", skip(self))]
    async fn load(&self) -> u64 { 1 }
    async fn declared(&self) -> u64;
}

fn outer() {
    let closure = || {
        #[cached(key = "größe:<q.trim()>")]
        async fn in_a_closure(q: &str) -> u64 { 1 }
    };
}
"#;
    let expected = [
        ("free", 3, "a:<id>"),
        ("in_a_module", 7, "b"),
        ("Repo<T>::method::within", 15, "d"),
        ("Repo<T>::method", 13, "c:<self.id>"),
        ("Load::load", 22, "e"),
        ("outer::in_a_closure", 29, "größe:<q.trim()>"),
    ];
    let expected = expected.map(|(name, line, key)| (name.to_owned(), line, key.to_owned()));
    assert_eq!(stored(text), expected);
}

#[test]
fn automatic_keys_hold_what_the_attribute_puts_into_them() {
    let text = r#"
#[cached(ttl = "list", skip(db))]
async fn list<T, const N: usize>(db: &Db, State(s): State<Db>, _: User, At((a, b)): At<(u8, u8)>, NONE: u8) -> u64 { 1 }
"#;
    let key = "app::jobs::list:<T>:<N>:<a>:<b>".to_owned();
    assert_eq!(stored(text), [("list".to_owned(), 3, key)]);
    let shape = |text: &str| match &found(text).functions[0].stores[0].key {
        Key::Known { shape, .. } => shape.clone(),
        Key::Unread(source) => panic!("{source}"),
    };
    let list = shape(text);
    let text_of = crate::ctl::map::shape::Shape::of;
    assert!(list.meets(&text_of("app::jobs::list:u8:1:2:3")));
    assert!(!list.meets(&text_of("app::jobs::other:u8:1:2:3")));
    assert!(!list.meets(&text_of("app::users::list:u8:1:2:3")));
    let method = shape("impl A { #[cached(ttl = 1)] async fn list(&self, id: u8) -> u8 { 1 } }");
    assert!(method.meets(&text_of("app::users::A::list:1")));
    assert!(!method.meets(&text_of("users::A::list:1")));
    assert!(!list.meets(&text_of("jobs:list:1")));
    assert!(!list.meets(&text_of("app:jobs:list:u8:1:2:3")));
}

#[test]
fn what_is_for_tests_is_left_out() {
    let text = r#"
#[cfg(test)]
mod tests {
    #[cached(key = "a")]
    async fn a() -> u64 { 1 }
    // cache-map: reads nothing
}
#[tokio::test]
async fn removes() { cache().invalidate_prefix("a:").await; }
// cache-map: writes jobs
#[test]
fn noted() {}
#[cfg(all(test, unix))]
mod more;
"#;
    let found = found(text);
    assert!(found.functions.is_empty(), "{:?}", found.functions);
    assert_eq!(found.stray, [0; 0]);
    assert_eq!(found.test_modules, [["more"]]);
}

/// The removals of the functions of a text, as they are written, and the expressions that were not understood.
fn removed(text: &str) -> (Vec<String>, Vec<String>) {
    let functions = found(text).functions;
    let removes = functions.iter().flat_map(|function| &function.removes);
    let unread = functions.iter().flat_map(|function| &function.unread);
    (
        removes.map(|removal| removal.written.clone()).collect(),
        unread.map(|unread| unread.what.clone()).collect(),
    )
}

#[test]
fn expressions_of_an_attribute_are_read_as_far_as_they_are_in_the_source() {
    for (value, expected) in [
        ("CacheKey::of(\"job\").segment(&id)", &["job:<id>"][..]),
        (
            "[\"a:\", draft.then(|| KeyPrefix::of(\"jobs\"))]",
            &["a:", "jobs:"],
        ),
        (
            "result.iter().filter(|job| job.open).map(|job| Tag::of(\"author\").segment(&job.author))",
            &["#author:<job.author>"],
        ),
        ("if a { Some(Tag::of(\"a\")) } else { None }", &["#a"]),
        (
            "match a { 1 => Pattern::all(), _ => Pattern::tag(\"b\") }",
            &["*", "#b"],
        ),
        ("Pattern::key(&CacheKey::user(id))", &["=user:<id>"]),
        ("jobs::load_job::key(id)", &["jobs::load_job::key(…)"]),
        ("a.into_iter().map(|id| KEYS.of(id)).chain(vec)", &[]),
    ] {
        let (removes, unread) = removed(&format!(
            "#[cached(invalidates = {value})] async fn f(id: u64) {{}}"
        ));
        assert_eq!(removes, expected, "{value}");
        assert_eq!(
            unread.len(),
            usize::from(expected.is_empty()),
            "{value} {unread:?}"
        );
    }
    let (_, unread) =
        removed("#[cached(invalidates = patterns)] async fn f(patterns: Vec<Pattern>) {}");
    assert_eq!(unread, ["what `patterns` removes is computed"]);
    let stated = "// cache-map: removes jobs:\n#[cached(invalidates = patterns)]\nasync fn f(patterns: Vec<Pattern>) {}";
    assert_eq!(removed(stated), (vec!["jobs:".to_owned()], Vec::new()));
    let bounded = "#[cached(invalidates = [patterns(result), \"a\"], invalidates_within = [\"jobs:\", \"#a:<id>\"])] async fn f(id: u64) {}";
    let expected = ["a", "jobs:", "#a:<id>"].map(str::to_owned).to_vec();
    assert_eq!(removed(bounded), (expected, Vec::new()));
}

#[test]
fn functions_have_the_options_of_their_block() {
    let text = r#"
#[cached_defaults(ttl = "1m", near = "5s", companions = false)]
mod inner {
    #[cached]
    async fn bare() -> u64 { 1 }
    #[cached(invalidates = "a:")]
    async fn removes() {}
    #[cache_runtime::cached_defaults(ttl = "2m")]
    impl A {
        #[cached(key = "a:<id>", near = false)]
        async fn method(id: u64) -> u64 { #[cached] async fn within() {} 1 }
    }
}
#[cached]
async fn nothing() {}
"#;
    let functions = found(text).functions;
    let stores = functions.iter().flat_map(|function| &function.stores);
    let stored: Vec<_> = stores
        .map(|store| {
            (
                store.ttl.shown(),
                store.near.as_deref(),
                store.companion.is_some(),
            )
        })
        .collect();
    let expected = [
        ("1m 0s".to_owned(), Some("5s"), false),
        ("2m 0s".to_owned(), Some("false"), false),
    ];
    assert_eq!(stored, expected);
    assert_eq!(functions.len(), 3);
}

#[test]
fn what_is_for_tests_within_a_body_is_left_out() {
    for body in [
        "#[cfg(test)] list::invalidate_all().await;",
        "#[cfg(test)] cache().clear();",
        "#[cfg(test)] { cache().clear(); }",
        "{ #![cfg(test)] cache().clear(); }",
        "#[cfg(not(not(test)))] { cache().clear() }",
        "#[cfg(test)] let _ = cache().clear();",
        "#[cfg(test)] _ = cache().clear();",
        "#[cfg(test)] if a { cache().clear() } else { cache().clear() }",
        "#[cfg(test)] tokio::join!(cache().clear());",
        "#[cfg(test)] async fn within() { cache().clear(); }",
        "#[cfg(test)] impl A { fn within() { cache().clear(); } }",
        "#[cfg(test)] trait A { fn within() { cache().clear(); } }",
        "#[cfg(test)] const A: u8 = { cache().clear(); 1 };",
        "match a { #[cfg(test)] 1 => cache().clear(), _ if cfg!(test) => cache().clear(), _ => {} }",
        "f(a, #[cfg(test)] cache().clear());",
        "let a = A { #[cfg(test)] a: cache().clear() };",
        "if cfg!(test) { cache().clear(); }",
        "if a && cfg!(test) { cache().clear(); }",
        "if !cfg!(test) {} else { cache().clear(); }",
        "if cfg!(not(test)) {} else if a { cache().clear(); }",
        "let a = cfg!(test) && cache().clear();",
        "let a = !cfg!(test) || cache().clear();",
        "while cfg!(all(test, unix)) { cache().clear(); }",
        "spawn(async move { if cfg!(test) { cache().clear(); } });",
    ] {
        assert_eq!(
            removed(&format!("async fn f(a: u8) {{ {body} }}")),
            (Vec::new(), Vec::new()),
            "{body}"
        );
    }
    for body in [
        "#[cfg(not(test))] cache().clear();",
        "if cfg!(test) {} else { cache().clear(); }",
        "if !cfg!(test) { cache().clear(); }",
        "if a || cfg!(test) { cache().clear(); }",
        "if cfg!(test) == a { cache().clear(); }",
        "#[cfg(feature = \"test\")] cache().clear();",
        "let a = cfg!(test) || cache().clear();",
        "match a { _ if !cfg!(test) => cache().clear(), _ => {} }",
    ] {
        let (removes, _) = removed(&format!("async fn f(a: u8) {{ {body} }}"));
        assert_eq!(removes, ["*"], "{body}");
    }
}

#[test]
fn a_variable_that_may_be_something_else_is_unknown() {
    for body in [
        "let mut p = \"a:\"; p = \"b:\"; cache().invalidate_prefix(p);",
        "let p; if q { p = \"a:\" } else { p = \"b:\" } cache().invalidate_prefix(p);",
        "let p = &mut \"a:\".to_owned(); p.push('b'); cache().invalidate_prefix(&p);",
        "let p = \"a:\"; change(&mut p); cache().invalidate_prefix(p);",
        "let p = \"a:\"; if q { let p = \"b:\"; cache().invalidate_prefix(p); }",
        "{ let p = \"a:\"; g(p); } let p = \"b:\"; cache().invalidate_prefix(p);",
        "let p = \"a:\"; for p in q { cache().invalidate_prefix(p); }",
        "let p = \"a:\"; if let Some(p) = q { cache().invalidate_prefix(p); }",
        "let p = \"a:\"; match q { Some(p) => cache().invalidate_prefix(p), _ => {} }",
        "let p = \"a:\"; q.for_each(|p| cache().invalidate_prefix(p));",
        "let p = \"a:\"; q.for_each(|p| { cache().delete(CacheKey::of(p).segment(&1)); });",
        "let p = \"a:\"; join!(async { let p = \"b:\"; cache().invalidate_prefix(p) });",
        "let parameter = \"a:\"; cache().invalidate_prefix(parameter);",
        "let mut p = \"a\"; let r = p; cache().invalidate_tag(Tag::of(r));",
        "let user_key = |id| other(id); cache().delete(user_key(1));",
    ] {
        let text = format!(
            "async fn f(parameter: &str) {{ {body} }} fn user_key(id: u64) -> CacheKey {{ CacheKey::user(id) }}"
        );
        let (removes, unread) = removed(&text);
        assert!(
            removes.is_empty() && unread.len() == 1,
            "{body} {removes:?} {unread:?}"
        );
    }
}

#[test]
fn a_variable_that_is_certain_is_followed() {
    for body in [
        "let p = \"a:\"; if q { cache().invalidate_prefix(p); }",
        "let p: &str = \"a:\"; let r = p.to_owned(); cache().invalidate_prefix(&r);",
        "let p = \"a:\"; fn g(p: u8) {} cache().invalidate_prefix(p);",
        "#[cfg(test)] let p = \"b:\"; #[cfg(not(test))] let p = \"a:\"; cache().invalidate_prefix(p);",
        "let p = \"a:\"; info!(p = p, \"x\"); cache().invalidate_prefix(p);",
    ] {
        let (removes, unread) = removed(&format!("async fn f() {{ {body} }}"));
        assert_eq!(
            (removes, unread.len()),
            (vec!["a:".to_owned()], 0),
            "{body}"
        );
    }
}

#[test]
fn an_attribute_does_not_see_the_variables_of_the_body() {
    let text = "#[cached(key = CacheKey::of(kind))] async fn f(kind: &str) -> u64 { let kind = \"jobs\"; 1 }";
    assert_eq!(stored(text), [("f".to_owned(), 1, "<kind>".to_owned())]);
}

#[test]
fn removals_belong_to_the_function_around_them() {
    let text = r#"
async fn outer(id: u64) {
    let key = CacheKey::user(id);
    tokio::join!(cache().invalidate_prefix("a:"), async { cache().delete(key).await });
    fn inner() { list::invalidate_all(); }
    spawn(async move { repo.job_refresh(7).await });
}
#[cached(put, key = "name:<id>", invalidates = ["names:", "\u{e9}:<result.id>"])]
async fn rename(id: u64) -> u64 { cache().set("b", &1, 60).await; id }
"#;
    let functions = found(text).functions;
    let removed: Vec<(&str, Vec<&str>)> = (functions.iter())
        .map(|function| {
            let removes = function.removes.iter();
            let written = removes.map(|removal| removal.written.as_str());
            (function.name.as_str(), written.collect())
        })
        .collect();
    assert_eq!(
        removed,
        [
            ("outer::inner", vec!["list::invalidate_all(…)"]),
            ("outer", vec!["a:", "=user:<id>", "job_refresh(…)"]),
            ("rename", vec!["names:", "é:<result.id>", "=name:<id>"]),
        ]
    );
    let how: Vec<How> = functions[2].stores.iter().map(|store| store.how).collect();
    assert_eq!(how, [How::ByHand, How::Put]);
}

#[test]
fn comments_belong_to_the_function_below_them() {
    let text = r##"
// cache-map: reads jobs
// and a comment beside it
#[cached(key = "jobs")]
// cache-map: allow(unremoved) an example
async fn jobs() -> u64 { 1 }

// cache-map: writes jobs
/// Documentation.
fn create() {}

// cache-map: writes lost

fn far() {}

const TEXT: &str = r#"
// cache-map: writes text
"#;
fn g() {
    let _ = 1; // cache-map: writes behind code
    // cache-map: writes in a body
}
"##;
    let found = found(text);
    assert_eq!((found.stray, found.misplaced), (vec![12, 21], vec![20]));
    let [jobs, create] = found.functions.as_slice() else {
        panic!("{:?}", found.functions);
    };
    assert_eq!(jobs.notes.reads, ["jobs"]);
    assert_eq!(jobs.notes.allows.len(), 1);
    assert_eq!(create.notes.writes, ["jobs"]);
}

#[test]
fn a_byte_order_mark_hides_no_comment() {
    let text =
        "\u{feff}// cache-map: reads jobs\n#[cached(key = \"jobs\")] async fn jobs() -> u64 { 1 }";
    let found = found(text);
    assert_eq!(found.functions[0].notes.reads, ["jobs"]);
    assert_eq!(found.stray, [0; 0]);
}

proptest! {
    #[test]
    fn no_source_panics(key in "[a-z:<>*# é]{0,12}", pattern in "[a-z:<>*#=%?]{0,12}", note in "[a-z(), ]{0,12}") {
        let text = format!(
            "// cache-map: {note}\n#[cached(ttl = {key:?}, key = {key:?}, tags = {pattern:?}, invalidates = [{pattern:?}])]\n\
             async fn f(a: u8) {{ cache().invalidate_pattern({pattern:?}); cache().set({key:?}, &1, {key:?}); }}"
        );
        prop_assert_eq!(found(&text).functions.len(), 1);
    }
}
