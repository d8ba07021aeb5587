//! `map`: readers, writers and findings in the source of a program. No server runs.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::mapped;
use crate::program::{Ran, cachectl_in};

/// Two readers and two writers, of which each forgets something.
const JOBS: &str = r##"
use cache_runtime::{cache, cached};

// cache-map: reads jobs
#[cached(ttl = "list", key = "jobs:list:<page.skip>:<page.limit>", tags = ["author:<author>"], stale = "60s", skip(db))]
async fn list(db: &Db, page: Page, author: u64) -> Result<Vec<Job>, Error> { db.jobs(page, author).await }

// cache-map: reads jobs
#[cached(ttl = "1h", key = r"größe:<id>")]
async fn size<T: Table>(id: u64) -> Result<u64, Error> { T::size(id).await }

// cache-map: writes jobs
#[cache_runtime::cached(invalidates = ["jobs:list:", "job:<id>"])]
async fn create(id: u64) -> Result<Job, Error> { insert(id).await }

impl<T> Repo<T> {
    async fn remove(&self, author: u64) {
        cache().invalidate_tag(Tag::of("author").segment(&author)).await;
        cache().invalidate_prefix("jobs list:").await;
    }
}
"##;

/// A folder with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

async fn map(folder: &TempDir, arguments: &[&str]) -> Ran {
    cachectl_in(folder.path(), &[], &[&["map"], arguments].concat()).await
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[tokio::test]
async fn the_table_says_who_removes_what() {
    let folder = tree(&[("src/jobs.rs", JOBS)]);
    let ran = map(&folder, &[]).await;
    ran.ends_with(0);
    assert_eq!(
        ran.stdout,
        "\
READER  AT              TTL                KEY AND TAGS                                         REMOVED BY       AT              WITH
list    src/jobs.rs:6   5m 0s (stale 60s)  jobs:list:<page.skip>:<page.limit> #author:<author>  create           src/jobs.rs:13  jobs:list:
                                                                                                Repo<T>::remove  src/jobs.rs:18  #author:<author>
size    src/jobs.rs:10  1h 0m              größe:<id>                                           nobody

MATCHES NOTHING  AT              REMOVED BY
job:<id>         src/jobs.rs:13  create
jobs%20list:     src/jobs.rs:19  Repo<T>::remove
2 readers, 2 writers in 1 file; 4 findings, 0 unknown: `cachectl map --check` names them
"
    );
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn functions_that_are_not_async_are_in_the_table() {
    let text = r#"
use cache_runtime::cached;

#[cached(ttl = "10m", key = "rate:<currency>")]
fn rate(currency: &str) -> f64 { table()[currency] }

#[cached(invalidates = "rate:<currency>")]
fn change_rate(currency: &str, rate: f64) { table()[currency] = rate; }
"#;
    let folder = tree(&[("src/rates.rs", text)]);
    let ran = map(&folder, &["--check"]).await;
    ran.ends_with(0);
    let ran = map(&folder, &[]).await;
    ran.ends_with(0)
        .says(&["rate    src/rates.rs:5", "change_rate  src/rates.rs:7"]);
}

#[tokio::test]
async fn a_check_names_each_finding_with_its_place_and_remedy() {
    let folder = tree(&[("src/jobs.rs", JOBS)]);
    let ran = map(&folder, &["--check"]).await;
    ran.ends_with(1).says(&[
        "src/jobs.rs:10: unremoved: `size`: nobody removes `größe:<id>`, which lives 1h 0m, longer than 5m 0s",
        "src/jobs.rs:13: unmatched: `create`: removes `job:<id>`: no key can match it",
        "the nearest is `jobs:list:<page.skip>:<page.limit>` of `list` (src/jobs.rs:6)",
        "src/jobs.rs:14: forgotten: `create`: writes `jobs` and does not remove `größe:<id>` of `size` (src/jobs.rs:10)",
        "as with `invalidates = \"größe:\"`",
        "src/jobs.rs:19: unmatched: `Repo<T>::remove`: removes `jobs%20list:`",
        "4 findings",
    ]);
    assert_eq!(
        ran.stdout.matches("  remedy: ").count(),
        4,
        "{}",
        ran.stdout
    );
}

#[tokio::test]
async fn a_check_of_a_program_that_forgets_nothing_ends_with_0() {
    let sound = JOBS
        .replace("\"job:<id>\"", "\"größe:<id>\"")
        .replace("jobs list:", "jobs:list:");
    let folder = tree(&[("src/jobs.rs", &sound)]);
    map(&folder, &["--check"])
        .await
        .ends_with(0)
        .says(&["0 findings"]);
}

#[tokio::test]
async fn the_bound_of_what_nobody_removes_can_be_set_and_ttls_come_from_the_environment() {
    let folder = tree(&[
        (
            "src/lib.rs",
            "cache_runtime::ttl_names! { pub PAGES = \"60s\"; }\nmod pages;",
        ),
        (
            "src/pages.rs",
            "#[cached(ttl = crate::PAGES, key = \"pages\")] async fn pages() -> u64 { 1 }
             #[cached(key = \"rest\")] async fn rest() -> u64 { 1 }",
        ),
    ]);
    map(&folder, &["--check"]).await.ends_with(0);
    let strict = map(&folder, &["--check", "--max-unremoved-ttl", "30s"]).await;
    strict
        .ends_with(1)
        .says(&["which lives 1m 0s, longer than 30 s", "5m 0s"]);
    let variables = [("CACHE_TTL_PAGES", "2h"), ("CACHE_DEFAULT_TTL", "3h")];
    let long = cachectl_in(folder.path(), &variables, &["map", "--check"]).await;
    long.ends_with(1)
        .says(&["`pages`, which lives 2h 0m", "`rest`, which lives 3h 0m"]);
    let lax = ["map", "--check", "--max-unremoved-ttl", "1d"];
    cachectl_in(folder.path(), &variables, &lax)
        .await
        .ends_with(0);
    let wrong = [("CACHE_DEFAULT_TTL", "soon")];
    let wrong = cachectl_in(folder.path(), &wrong, &["map"]).await;
    wrong.ends_with(2).says(&["CACHE_DEFAULT_TTL"]);
    let zero = map(&folder, &["--max-unremoved-ttl", "0"]).await;
    zero.ends_with(2).says(&["longer than zero"]);
}

#[tokio::test]
async fn the_document_has_readers_writers_and_findings() {
    let folder = tree(&[("src/jobs.rs", JOBS)]);
    for arguments in [&["--format", "json"][..], &["--json"]] {
        let ran = map(&folder, arguments).await;
        let json = ran.ends_with(0).json();
        let list = &json["readers"][0];
        assert_eq!(list["function"], "list");
        assert_eq!(list["at"], "src/jobs.rs:6");
        assert_eq!(list["stored_by"], "read");
        assert_eq!(list["key"], "jobs:list:<page.skip>:<page.limit>");
        assert_eq!(
            (&list["ttl"], &list["ttl_seconds"]),
            (&"list".into(), &300.0.into())
        );
        assert_eq!(list["tags"], serde_json::json!(["author:<author>"]));
        assert_eq!(list["reads"], serde_json::json!(["jobs"]));
        assert_eq!(list["removed_by"][0]["pattern"], "jobs:list:");
        let create = &json["writers"][0];
        assert_eq!(create["removes"][0]["readers"], serde_json::json!([0]));
        assert_eq!(create["removes"][1]["readers"], serde_json::json!([]));
        assert_eq!(json["findings"].as_array().map(Vec::len), Some(4));
        assert_eq!(json["findings"][0]["kind"], "unremoved");
        assert_eq!(
            (&json["unknown"], &json["unparsed"]),
            (&serde_json::json!([]), &serde_json::json!([]))
        );
    }
    let checked = map(&folder, &["--check", "--json"]).await;
    checked.ends_with(1).json();
    let picture = map(&folder, &["--json", "--format", "svg"]).await;
    assert_eq!(picture.ends_with(2).json()["exit_code"], 2);
}

#[tokio::test]
async fn graphviz_gets_nodes_edges_and_no_open_quote() {
    let folder = tree(&[
        ("src/jobs.rs", JOBS),
        (
            "src/odd.rs",
            "#[cached(key = r#\"odd:\"\\:<id>\"#)] async fn odd(id: u64) -> u64 { id }",
        ),
    ]);
    let ran = map(&folder, &["--format", "dot"]).await;
    ran.ends_with(0);
    let dot = &ran.stdout;
    assert!(
        dot.starts_with("digraph cache {\n") && dot.ends_with("}\n"),
        "{dot}"
    );
    assert!(
        dot.contains("  w0 -> r0 [label=\"jobs:list:\"];\n"),
        "{dot}"
    );
    assert!(dot.contains("odd:\\\"\\\\:<id>"), "{dot}");
    for line in dot.lines() {
        let quotes = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(quotes.matches('"').count() % 2, 0, "{line}");
    }
    assert!(
        ran.stderr.contains("3 readers, 2 writers in 2 files"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn the_picture_is_complete_and_follows_the_theme() {
    let folder = tree(&[("src/jobs.rs", JOBS)]);
    let ran = map(&folder, &["--format", "svg", "--check"]).await;
    ran.ends_with(1);
    let svg = &ran.stdout;
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n")
    );
    assert!(svg.contains("@media (prefers-color-scheme:dark)"));
    assert!(
        svg.contains("jobs:list:&lt;page.skip&gt;") && svg.contains("größe:&lt;id&gt;"),
        "{svg}"
    );
    assert!(svg.contains("Repo&lt;T&gt;::remove"), "names are escaped");
    assert_eq!(
        svg.matches("<path ").count(),
        2,
        "one line for each removal that matches"
    );
    for other in ["href", "<script", "url(", "@import", "<image"] {
        assert!(!svg.contains(other), "it needs nothing else: {other}");
    }
    is_balanced(svg);
    assert!(ran.stderr.contains("unremoved: `size`"), "{}", ran.stderr);
}

/// Every element is closed, in the order in which they were opened.
#[track_caller]
fn is_balanced(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("no `>` in <{part}"));
        assert!(!text.contains('>') && !tag.contains('<'), "<{part}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "<{part}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test]
async fn a_file_that_does_not_parse_is_named_and_the_rest_is_mapped() {
    let folder = tree(&[
        (
            "src/a.rs",
            "#[cached(key = \"a\")] async fn a() -> u64 { 1 }",
        ),
        ("src/broken.rs", "fn f() {}\n\nfn g( -> {}\n"),
        ("src/quoted.rs", "const A: &str = \"\\:\";"),
    ]);
    for arguments in [&[][..], &["--check"]] {
        let ran = map(&folder, arguments).await;
        ran.ends_with(1).says(&["1 reader, 0 writers in 3 files"]);
        for word in [
            "src/broken.rs:3: this file is left out: ",
            "src/quoted.rs:1: ",
            "remedy: correct it",
        ] {
            assert!(ran.stderr.contains(word), "{}", ran.stderr);
        }
    }
    let json = map(&folder, &["--json"]).await.ends_with(1).json();
    assert_eq!(json["unparsed"][0]["at"], "src/broken.rs:3");
    assert_eq!(json["readers"][0]["key"], "a");
}

#[tokio::test]
async fn folders_are_searched_without_build_output_hidden_ones_and_tests() {
    let cached = |key: &str| format!("#[cached(key = \"{key}\")] async fn f() -> u64 {{ 1 }}");
    let folder = tree(&[
        ("a b/src/größe/deep.rs", &cached("deep")),
        (
            "a b/src/lib.rs",
            &format!("{}\n#[cfg(test)]\nmod tests;", cached("lib")),
        ),
        ("a b/src/tests.rs", &cached("tests")),
        ("a b/target/built.rs", &cached("built")),
        ("a b/.hidden/h.rs", &cached("hidden")),
        ("a b/notes.txt", "no Rust"),
        ("one.rs", &cached("one")),
    ]);
    let ran = map(&folder, &["a b", "one.rs", "a b/src"]).await;
    ran.ends_with(0)
        .says(&[
            "a b/src/größe/deep.rs:1",
            "a b/src/lib.rs:1",
            "one.rs:1",
            "3 readers",
        ])
        .says_not(&["built", "hidden", "tests.rs"]);
}

#[tokio::test]
async fn a_removal_for_tests_in_a_body_hides_no_finding() {
    let text = "#[cached(ttl = \"1h\", key = \"jobs:all\")] async fn all() -> u64 { 1 }
        async fn create() {
            #[cfg(test)]
            cache().invalidate_prefix(\"jobs:\").await;
            if cfg!(test) { cache().delete(\"jobs:all\").await; }
        }";
    let folder = tree(&[("src/a.rs", text)]);
    let ran = map(&folder, &["--check"]).await;
    ran.ends_with(1).says(&[
        "src/a.rs:1: unremoved: `all`",
        "0 writers in 1 file; 1 finding,",
    ]);
}

#[tokio::test]
async fn a_variable_that_changes_is_unknown_and_neither_removes_nor_misses() {
    let text = "#[cached(ttl = \"1h\", key = \"jobs:all\")] async fn all() -> u64 { 1 }
        async fn create(other: bool) {
            let mut prefix = \"jobs:\";
            if other { prefix = \"users:\"; }
            cache().invalidate_prefix(prefix).await;
        }
        async fn remove() {
            let prefix = \"posts:\";
            for prefix in all_prefixes() { cache().invalidate_prefix(prefix).await; }
        }";
    let folder = tree(&[("src/a.rs", text)]);
    let ran = map(&folder, &["--check"]).await;
    ran.ends_with(1).says(&[
        "src/a.rs:1: unremoved: `all`",
        "src/a.rs:5: unknown: `create`: what `invalidate_prefix(prefix)` removes",
        "src/a.rs:9: unknown: `remove`: what `invalidate_prefix(prefix)` removes",
        "1 finding, 2 unknown",
    ]);
}

#[tokio::test]
async fn a_comment_in_a_form_that_is_not_read_is_found() {
    let text = "\u{feff}// cache-map: reads users
        #[cached(key = \"jobs:all\")] async fn all() -> u64 { 1 }
        /// cache-map: writes users
        async fn create() {}
        /* cache-map: writes users */
        async fn change() { let _ = \"// cache-map: reads users\"; }
        async fn remove() {} // cache-map: writes users
        #[cfg(test)]
        mod tests {
            /// cache-map: writes users
            fn test() {}
        }";
    let folder = tree(&[("src/a.rs", text)]);
    let ran = map(&folder, &["--check"]).await;
    let what = "this comment is in a form that is not read";
    ran.ends_with(1).says(&[
        &format!("src/a.rs:3: comment: {what}"),
        &format!("src/a.rs:5: comment: {what}"),
        &format!("src/a.rs:7: comment: {what}"),
        "remedy: write it with `//` on a line of its own",
        "3 findings, 0 unknown",
    ]);
}

#[tokio::test]
async fn paths_without_source_are_wrong_usage() {
    let folder = tree(&[("notes/a.txt", "no Rust")]);
    for (arguments, words) in [
        (&[][..], "src: "),
        (&["nowhere"], "nowhere: "),
        (&["notes"], "no Rust file in notes"),
    ] {
        let ran = map(&folder, arguments).await;
        ran.ends_with(2).says(&[words, "remedy: name"]);
    }
    map(&folder, &["--format", "png"])
        .await
        .ends_with(2)
        .says(&["svg"]);
}

#[tokio::test]
async fn a_link_in_a_circle_and_a_file_of_bytes_do_no_harm() {
    let folder = tree(&[(
        "src/a.rs",
        "#[cached(key = \"a\")] async fn a() -> u64 { 1 }",
    )]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("src/loop")).unwrap();
    fs::write(folder.path().join("src/bytes.rs"), [0xff, 0xfe]).unwrap();
    fs::write(
        folder.path().join("src/deep.rs"),
        format!("fn f() {{ {} }}", "[".repeat(200_000)),
    )
    .unwrap();
    let ran = map(&folder, &[]).await;
    ran.ends_with(1)
        .says(&["src/bytes.rs:1", "src/deep.rs:1", "1 reader"]);
}

#[tokio::test]
async fn the_examples_forget_nothing() {
    for (example, readers) in [
        ("job-board", 7),
        ("articles", 5),
        ("payroll", 13),
        ("quickstart", 1),
    ] {
        let source = repository().join("examples").join(example).join("src");
        let arguments = ["map", "--check", "--json", source.to_str().unwrap()];
        let json = cachectl_in(repository(), &[], &arguments)
            .await
            .ends_with(0)
            .json();
        for list in ["findings", "unknown"] {
            assert_eq!(json[list], serde_json::json!([]), "{example}");
        }
        assert_eq!(
            json["readers"].as_array().map(Vec::len),
            Some(readers),
            "{example}"
        );
    }
}

/// A removal that the job board would forget is found in a copy of it.
#[tokio::test]
async fn a_removal_that_is_taken_out_of_the_job_board_is_missed() {
    let source = repository().join("examples/job-board/src");
    let read = |file: &str| fs::read_to_string(source.join(file)).unwrap();
    let routes = read("jobs/routes.rs");
    let ttls = read("ttl.rs");
    let forgetful = routes.replacen(
        "\"jobs:list:\", \"jobs:stats:overview\"], skip",
        "\"jobs:list:\"], skip",
        1,
    );
    assert_ne!(forgetful, routes);
    let folder = tree(&[("src/jobs/routes.rs", &forgetful), ("src/ttl.rs", &ttls)]);
    let ran = map(&folder, &["--check"]).await;
    ran.ends_with(1).says(&[
        "forgotten: `add`: writes `jobs` and does not remove `jobs:stats:overview` of `overview`",
        "1 finding,",
    ]);
}

/// The section in the document shows a program and what `map` prints about it.
#[tokio::test]
async fn the_documented_output_is_what_is_printed() {
    let document = repository().join("cache-runtime/docs/cachectl.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, section) = document.split_once("\n## map\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let block = |fence: &str| -> Vec<&str> {
        let parts = section.split(fence).skip(1);
        parts
            .filter_map(|part| part.split_once("\n```\n"))
            .map(|(text, _)| text)
            .collect()
    };
    let [program] = block("```rust\n")[..] else {
        panic!("one program");
    };
    let folder = tree(&[("src/jobs.rs", program)]);
    let shown = block("```console\n");
    assert!(shown.len() >= 2, "a table and a check");
    for example in shown {
        let (command, output) = example.split_once('\n').unwrap();
        let arguments = command.strip_prefix("$ cachectl map").unwrap();
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let ran = map(&folder, &arguments).await;
        assert_eq!(ran.stdout.trim_end(), output, "{command}");
    }
}

/// The keys that functions really have are those that the map compares with patterns.
#[tokio::test]
async fn a_pattern_of_a_real_key_matches_the_function_of_that_key_and_no_other() {
    let keys = mapped::keys();
    let removals = keys.iter().enumerate().map(|(at, (_, key))| {
        format!("#[cached(invalidates = \"={key}\")] async fn removes_{at}() {{}}\n")
    });
    let folder = tree(&[
        ("Cargo.toml", "[package]\nname = \"cachectl\"\n"),
        ("src/mapped.rs", include_str!("mapped.rs")),
        ("src/removals.rs", &removals.collect::<String>()),
    ]);
    let json = map(&folder, &["--json"]).await.ends_with(0).json();
    let writers = json["writers"].as_array().unwrap();
    for (at, (function, key)) in keys.iter().enumerate() {
        let name = format!("removes_{at}");
        let writer = writers
            .iter()
            .find(|writer| writer["function"] == name.as_str());
        let removed = &writer.unwrap()["removes"][0]["readers"];
        let removed: Vec<&str> = (removed.as_array().unwrap().iter())
            .map(|reader| reader.as_u64().unwrap() as usize)
            .map(|reader| json["readers"][reader]["function"].as_str().unwrap())
            .collect();
        assert_eq!(removed, [*function], "{key}");
    }
    assert_eq!(json["unknown"], serde_json::json!([]));
    let all = writers
        .iter()
        .find(|writer| writer["function"] == "change_everything");
    let removes = all.unwrap()["removes"].as_array().unwrap();
    assert_eq!(removes.len(), 4);
    let expected = ["automatic", "generic", "template", "Repo<T>::title"];
    for (removal, function) in removes.iter().zip(expected) {
        let readers = removal["readers"].as_array().unwrap().iter();
        let readers = readers.map(|reader| &json["readers"][reader.as_u64().unwrap() as usize]);
        // Where the path of a method is not known, any text may stand in its key.
        let certain = readers.filter(|reader| !reader["key"].as_str().unwrap().contains('…'));
        let names: Vec<&str> = certain
            .map(|reader| reader["function"].as_str().unwrap())
            .collect();
        assert_eq!(names, [function], "{removal}");
    }
}
