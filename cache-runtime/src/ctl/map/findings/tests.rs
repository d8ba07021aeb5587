//! Tests of findings, and of which removal concerns which entry.

use std::path::Path;

use super::*;
use crate::ctl::map::finder::{self, Around};
use crate::ctl::map::names::{Known, Names};
use crate::ctl::map::place_in_crate::PlaceInCrate;
use crate::ctl::map::program::Program;
use crate::ctl::map::source::Source;

/// A program of these files.
fn program(files: &[(&str, &str)]) -> Program {
    let mut program = Program::default();
    let sources: Vec<Source> = (files.iter())
        .map(|(file, text)| {
            Source::parse((*file).to_owned(), text).unwrap_or_else(|why| panic!("{text}: {why:?}"))
        })
        .collect();
    let mut names = Names::default();
    sources.iter().for_each(|source| names.add(&source.syntax));
    for source in &sources {
        let place = PlaceInCrate::of(Path::new(&source.file), |_| None);
        let found = finder::find(Around {
            source,
            names: Known::new(&names, &names),
            place: &place,
            default_ttl: Duration::from_secs(300),
        });
        program.functions.extend(found.functions);
        let file = &source.file;
        program
            .stray
            .extend(found.stray.into_iter().map(|line| Place {
                file: file.clone(),
                line,
            }));
    }
    program
}

/// `line kind`, and the text, of each finding.
fn findings(text: &str) -> Vec<(String, String)> {
    let program = program(&[("src/a.rs", text)]);
    let findings = Findings::of(&Graph::of(&program), Duration::from_secs(300));
    let all = findings.wrong.into_iter().chain(findings.unknown);
    all.map(|one| (format!("{} {}", one.at.line, one.kind.as_str()), one.what))
        .collect()
}

#[track_caller]
fn finds(text: &str, expected: &[(&str, &str)]) {
    let found = findings(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((place, what), (expected_place, word)) in found.iter().zip(expected) {
        assert_eq!(place, expected_place, "{what}");
        assert!(what.contains(word), "no `{word}` in: {what}");
    }
}

#[test]
fn a_program_that_forgets_nothing_has_no_findings() {
    finds(
        r##"
#[cached(ttl = "1h", key = "jobs:list:<skip>", tags = ["author:<result.0>"])] async fn list(skip: u8) -> u64 { 1 }
#[cached(invalidates = ["jobs:", "#author:<id>", "=jobs:list:7"])] async fn create(id: u8) {}
#[cached(put, ttl = "1d", key = "name:<id>")] async fn rename(id: u8) -> u64 { 1 }
#[cached(ttl = "5m", key = "short:<id>")] async fn short(id: u8) -> u64 { 1 }
#[cached(ttl = "1d")] async fn automatic(id: u8) -> u64 { 1 }
async fn job() { automatic::invalidate_all().await; cache().clear().await; }
"##,
        &[],
    );
}

#[test]
fn a_pattern_or_tag_that_no_entry_has_is_found() {
    finds(
        r##"
#[cached(ttl = "1h", key = "jobs:list:<skip>", tags = ["author:<a>"])] async fn list(skip: u8, a: u8) -> u64 { 1 }
#[cached(invalidates = ["jobs:list:", "job:list:", "#autor:7",
    "jobs:<id>:?"])]
async fn create() { cache().invalidate_prefix("jobs:lists:").await; }
// cache-map: allow(unmatched) the mailer stores them
#[cached(invalidates = "mails:")] async fn mail() {}
async fn other() { session::invalidate(7).await; }
"##,
        &[
            ("3 unmatched", "`#autor:7`: no entry has such a tag"),
            ("3 unmatched", "`job:list:`: no key can match it"),
            (
                "4 unmatched",
                "this is no pattern: `?` is not supported in the pattern \"jobs:…:?\"",
            ),
            ("5 unmatched", "`jobs:lists:`"),
        ],
    );
}

#[test]
fn the_nearest_key_is_suggested() {
    let program = program(&[(
        "src/a.rs",
        "#[cached(key = \"jobs:list:<s>\")] async fn list(s: u8) -> u8 { 1 }
         #[cached(invalidates = \"jobs:lst:\")] async fn create() {}",
    )]);
    let findings = Findings::of(&Graph::of(&program), Duration::from_secs(300));
    let remedy = &findings.wrong[0].remedy;
    assert!(
        remedy.contains("the nearest is `jobs:list:<s>` of `list` (src/a.rs:1)"),
        "{remedy}"
    );
}

#[test]
fn an_entry_that_lives_long_and_is_removed_by_nobody_is_found() {
    finds(
        r#"
#[cached(ttl = "301s", key = "a:<id>")] async fn a(id: u8) -> u64 { 1 }
#[cached(ttl = UNKNOWN, key = "b")] async fn b() -> u64 { 1 }
#[cached(ttl = if c { 1 } else { 2 }, key = "c")] async fn c() -> u64 { 1 }
// cache-map: allow(unremoved) changes with a deployment
#[cached(ttl = "1d", key = "d")] async fn d() -> u64 { 1 }
#[cached(ttl = "1d", key = "e", invalidates = "e")] async fn removes_itself() -> u64 { 1 }
async fn by_hand() { cache().get_or_load("f", Duration::from_secs(600), load).await; cache().clear().await; }
"#,
        &[
            (
                "2 unremoved",
                "nobody removes `a:<id>`, which lives 5m 1s, longer than 5m 0s",
            ),
            ("7 unremoved", "`e`"),
            ("8 unremoved", "`f`"),
            ("3 unknown", "`UNKNOWN`"),
            ("4 unknown", "`if c { 1 } else { 2 }`"),
        ],
    );
}

#[test]
fn a_writer_that_does_not_remove_what_was_read_is_found() {
    finds(
        r#"
// cache-map: reads jobs, companies
#[cached(ttl = "60s", key = "jobs:list:<skip>")] async fn list(skip: u8) -> u64 { 1 }
// cache-map: reads jobs
#[cached(ttl = "60s", key = "jobs:stats")] async fn stats() -> u64 { 1 }
// cache-map: writes jobs
#[cached(invalidates = "jobs:list:")] async fn create() {}
// cache-map: writes jobs
async fn remove() { list::invalidate_all().await; stats::invalidate().await; }
// cache-map: writes companies
fn rename() {}
// cache-map: writes job
fn misspelt() {}
// cache-map: reads jobs
fn stores_nothing() {}
"#,
        &[
            (
                "7 forgotten",
                "writes `jobs` and does not remove `jobs:stats` of `stats` (src/a.rs:5)",
            ),
            (
                "11 forgotten",
                "writes `companies` and does not remove `jobs:list:<skip>`",
            ),
            ("15 comment", "reads `jobs`, but stores nothing"),
            ("13 unknown", "no function says that it reads it"),
        ],
    );
}

#[test]
fn what_the_source_does_not_show_is_unknown_and_comments_show_it() {
    finds(
        r##"
#[cached(ttl = "1h", key = make(id), tags = labels(id))] async fn a(id: u8) -> u64 { 1 }
#[cached(invalidates = ["jobs:", "#label:7"])] async fn b() {}
async fn c(pattern: &str) { cache().invalidate_pattern(pattern).await; }
"##,
        &[
            ("2 unknown", "the key `make(id)` is not in the source"),
            ("2 unknown", "the tags `labels(id)` are not in the source"),
            ("2 unknown", "whether somebody removes it is not known"),
            ("3 unknown", "no tag in the source can match it"),
            ("3 unknown", "no key in the source can match it"),
            ("4 unknown", "what `invalidate_pattern(pattern)` removes"),
        ],
    );
    finds(
        r##"
// cache-map: key jobs:<id>
// cache-map: tags label:<x>
#[cached(ttl = "1h", key = make(id), tags = labels(id))] async fn a(id: u8) -> u64 { 1 }
#[cached(invalidates = "#label:7")] async fn b() {}
// cache-map: removes jobs:<id>
async fn c(pattern: &str) { cache().invalidate_pattern(pattern).await; }
// cache-map: read jobs
fn slip() {}

// cache-map: writes nowhere
"##,
        &[
            ("8 comment", "`read` is not known"),
            ("11 comment", "above no function"),
        ],
    );
}

#[test]
fn companions_are_those_of_the_modules_in_the_call_or_of_the_caller() {
    let list = "#[cached(ttl = \"1h\", key = \"KEY:<s>\")] async fn list(s: u8) -> u8 { 1 }";
    let near = format!(
        "{}\nasync fn near() {{ list::invalidate(1).await; }}",
        list.replace("KEY", "jobs")
    );
    let program = program(&[
        ("src/jobs.rs", &near),
        ("src/users.rs", &list.replace("KEY", "users")),
        ("src/posts.rs", &list.replace("KEY", "posts")),
        (
            "src/a.rs",
            "use crate::users::list as all_users;
            async fn named() { crate::posts::list::invalidate_all().await; }
            async fn renamed() { all_users::invalidate(1).await; }",
        ),
    ]);
    let graph = Graph::of(&program);
    let edges: Vec<(String, String)> = (graph.edges.iter())
        .map(|edge| {
            let reader = graph.readers[edge.reader].store.key.shown();
            (graph.writers[edge.writer].function.name.clone(), reader)
        })
        .collect();
    let of = |name: &str| -> Vec<&str> {
        let edges = edges.iter().filter(|(writer, _)| writer == name);
        edges.map(|(_, reader)| reader.as_str()).collect()
    };
    assert_eq!(of("near"), ["jobs:<s>"]);
    assert_eq!(of("named"), ["posts:<s>"]);
    assert_eq!(of("renamed"), ["users:<s>"]);
}

#[test]
fn companions_of_methods_and_the_type_behind_a_key_are_known() {
    finds(
        r#"
impl<T> Repo<T> {
    #[cached(ttl = "1h", key = "title:<id>", companions = "title")]
    async fn title(&self, id: u64) -> u64 { 1 }
    #[cached(ttl = "1h", key = "body:<id>")]
    async fn body(&self, id: u64) -> u64 { 1 }
    async fn change(&self) { self.title_invalidate(7).await; }
    #[cached(invalidates = "body:<id>")] async fn rename(&self, id: u64) {}
    #[cached(invalidates = "body:7:app*")] async fn one_type(&self) {}
}
"#,
        &[],
    );
}
