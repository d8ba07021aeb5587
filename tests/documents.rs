//! The documents are true: every path that they name exists, and the program that README.md opens
//! with compiles. The guide's pages and links are checked in `guide.rs`.
//!
//! A path is looked for where its document would have it: from the root of the repository, beside the document, in the
//! crates and their `src`, and beside the path before it on the same line (`http/admin/gate.rs` and `origin.rs`). Braces
//! and stars are expanded as a shell would: `http/{etag, layer}.rs`, `tests/redis/p*.rs`, `tests/ui/**/*.stderr`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

mod guide;

/// Endings that make a word a path, also where it has no slash.
const ENDINGS: [&str; 11] = [
    ".rs", ".lua", ".md", ".toml", ".lock", ".json", ".yml", ".html", ".sql", ".stderr", ".txt",
];

/// Where a path may begin, beside the document's own folder.
const BASES: [&str; 6] = [
    "",
    "cache-runtime",
    "cache-runtime/src",
    "cache-macros",
    "cache-macros/src",
    "cache-runtime/src/redis/scripts",
];

#[test]
fn every_path_in_a_document_exists() {
    let root = repository();
    let documents = documents(&root);
    assert!(documents.len() >= 10, "only {documents:?} were found");
    let mut missing = String::new();
    for document in &documents {
        let text = fs::read_to_string(root.join(document)).expect("a document is text");
        for (line, path) in missing_in(&text, document, &root) {
            writeln!(missing, "  {}:{line}: {path}", document.display()).expect("memory takes it");
        }
    }
    assert!(
        missing.is_empty(),
        "documents name paths that do not exist:\n{missing}"
    );
}

#[test]
fn a_path_that_does_not_exist_is_found_however_it_is_written() {
    let text = "\
[a link](tests/nowhere.rs), `tests/documents.rs`, `documents.rs`, and `nowhere.rs`\n\
`tests/{documents, nowhere}.rs` and `tests/no*where/*.rs` and `tests/redis/p*.rs`\n\
```console\n$ cargo run --manifest-path benches/nowhere/Cargo.toml\n```\n\
[a section](#here), [a site](https://example.org/nowhere.md), [an item](crate::nowhere), `GET /nowhere`\n\
`benches/nowhere`, `nowhere/`, `tests/ui/**/*.stderr`\n";
    let missing = missing_in(text, Path::new("README.md"), &repository());
    assert_eq!(
        missing
            .iter()
            .map(|(line, path)| (*line, path.as_str()))
            .collect::<Vec<_>>(),
        [
            (1, "tests/nowhere.rs"),
            (1, "nowhere.rs"),
            (2, "tests/nowhere.rs"),
            (2, "tests/no*where/*.rs"),
            (4, "benches/nowhere/Cargo.toml"),
            (7, "benches/nowhere"),
            (7, "nowhere/"),
        ]
    );
}

#[test]
fn the_program_that_the_readme_opens_with_is_the_one_below() {
    let own = include_str!("documents.rs");
    let begin = "    // README.md begins.\n";
    let end = "    // README.md ends.\n";
    let (_, rest) = own.split_once(begin).expect("the program's first line");
    let (program, _) = rest.split_once(end).expect("the program's last line");
    let program: String = program
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
        .collect();
    for document in ["README.md", "cache-runtime/README.md"] {
        let readme = fs::read_to_string(repository().join(document)).expect("it is there");
        let shown = readme
            .split_once("```rust\n")
            .and_then(|(_, rest)| rest.split_once("```\n"))
            .map(|(code, _)| code);
        assert_eq!(
            shown,
            Some(program.as_str()),
            "the first program of {document}"
        );
    }
}

/// Compiled with the tests, so that readers can copy it.
#[expect(dead_code, reason = "it is to compile; `quickstart` is to run")]
mod program {
    // README.md begins.
    use cache_runtime::{CacheConfig, cached};

    // A read. For five minutes, further calls with the same arguments do not run the body.
    #[cached(ttl = "5m", key = "jobs:list:<skip>:<limit>")]
    async fn list_jobs(skip: u32, limit: u32) -> Result<Vec<String>, String> {
        println!("reading jobs {skip} to {}", skip + limit);
        Ok((skip..skip + limit).map(|id| format!("job {id}")).collect())
    }

    // A write. Its body always runs; on success, every key that begins with `jobs:` is removed.
    #[cached(invalidates = "jobs:")]
    async fn create_job(title: &str) -> Result<(), String> {
        println!("writing {title}");
        Ok(())
    }

    #[tokio::main]
    async fn main() -> Result<(), Box<dyn std::error::Error>> {
        cache_runtime::init(CacheConfig::from_env()?)?; // Redis if `REDIS_URL` is set, else memory
        list_jobs(0, 20).await?; // a miss: the body runs
        list_jobs(0, 20).await?; // a hit: it does not
        create_job("engineer").await?;
        list_jobs(0, 20).await?; // a miss again
        cache_runtime::shutdown().await;
        Ok(())
    }
    // README.md ends.
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the repository")
        .to_owned()
}

/// The documents that describe what is there now. The changelog tells of what was, too.
fn documents(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for pattern in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "cache-*/README.md",
        "cache-*/docs/*.md",
        "examples/*/README.md",
        "benches/*/README.md",
        "ops/**/*.md",
        "docs/book/src/*.md",
    ] {
        matching(root, pattern, &mut found);
    }
    found
        .iter()
        .map(|path| {
            path.strip_prefix(root)
                .expect("it is below the root")
                .to_owned()
        })
        .collect()
}

/// Lines, counted from one, and the paths on them that do not exist.
fn missing_in(text: &str, document: &Path, root: &Path) -> Vec<(usize, String)> {
    let folder = document.parent().unwrap_or(Path::new(""));
    let mut missing = Vec::new();
    let (mut fenced, mut program) = (false, false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            program = fenced && line.trim_start().starts_with("```rust");
            continue;
        }
        if program {
            continue; // `state.lock()` is no path, and the compiler reads it
        }
        for target in if fenced { Vec::new() } else { links(line) } {
            if !exists(&root.join(folder), &target) {
                missing.push((number + 1, target));
            }
        }
        let mut bases: Vec<PathBuf> = BASES.iter().map(|base| root.join(base)).collect();
        bases.extend([root.join(folder), root.join(folder).join("src")]);
        let line = line.replace("W/\"", "\""); // a weak `ETag` is no folder
        let line = line.as_str();
        let spans = if fenced {
            vec![line.to_owned()]
        } else {
            spans(line)
        };
        for path in spans.iter().flat_map(|span| paths(span, root)) {
            let Some(base) = bases.iter().find(|base| exists(base, &path)) else {
                missing.push((number + 1, path));
                continue;
            };
            if let Some(parent) = base.join(&path).parent() {
                bases.push(parent.to_owned());
            }
        }
    }
    missing
}

/// Targets of links to files: neither sites, nor sections, nor items of rustdoc.
fn links(line: &str) -> Vec<String> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains(':'))
        .map(|target| target.replace("%2E", ".")) // the guide's links out of the book, see `guide.rs`
        .collect()
}

/// The texts between backticks.
fn spans(line: &str) -> Vec<String> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The words that are paths, with their braces expanded.
fn paths(span: &str, root: &Path) -> Vec<String> {
    words(span)
        .iter()
        .flat_map(|word| expand(word))
        .filter(|word| is_path(word, root))
        .collect()
}

/// Words end at white space, but not inside of braces.
fn words(span: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut inside = false;
    for character in span.chars() {
        match character {
            '{' => inside = true,
            '}' => inside = false,
            _ => {}
        }
        if !inside && (character.is_whitespace() || ",;()\"'".contains(character)) {
            words.push(String::new());
        } else {
            words.last_mut().expect("there is one").push(character);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `a/{b, c}.rs` as `a/b.rs` and `a/c.rs`.
fn expand(word: &str) -> Vec<String> {
    let braces = word.split_once('{').and_then(|(before, rest)| {
        rest.split_once('}')
            .map(|(inside, after)| (before, inside, after))
    });
    let Some((before, inside, after)) = braces else {
        return vec![word.to_owned()];
    };
    inside
        .split(',')
        .flat_map(|choice| expand(&format!("{before}{}{after}", choice.trim())))
        .collect()
}

/// A word with the ending of a file or a folder, or one that begins with a folder of the repository.
fn is_path(word: &str, root: &Path) -> bool {
    let plain = word
        .chars()
        .all(|character| character.is_alphanumeric() || "/._-*".contains(character));
    if !plain
        || word.starts_with(['/', '-'])
        || word.starts_with("target/")
        || word.starts_with("..")
    {
        return false;
    }
    if word.ends_with('/')
        || ENDINGS
            .iter()
            .any(|ending| word.len() > ending.len() && word.ends_with(ending))
    {
        return true;
    }
    word.split_once('/').is_some_and(|(first, _)| {
        !first.is_empty() && first != "." && !first.contains('*') && root.join(first).is_dir()
    })
}

fn exists(base: &Path, path: &str) -> bool {
    let mut found = Vec::new();
    matching(base, path, &mut found);
    !found.is_empty()
}

/// The files below a folder that match a pattern.
fn matching(folder: &Path, pattern: &str, found: &mut Vec<PathBuf>) {
    let (first, rest) = match pattern.trim_end_matches('/').split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pattern.trim_end_matches('/'), None),
    };
    if !first.contains('*') {
        let path = folder.join(first);
        match rest {
            Some(rest) => matching(&path, rest, found),
            None if path.is_dir() || (path.exists() && !pattern.ends_with('/')) => found.push(path),
            None => {}
        }
        return;
    }
    if let (true, Some(rest)) = (first == "**", rest) {
        matching(folder, rest, found);
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "target" || name == ".git" || !fits(&name, first) {
            continue;
        }
        match rest {
            Some(_) if first == "**" => matching(&path, pattern, found),
            Some(rest) => matching(&path, rest, found),
            None => found.push(path),
        }
    }
}

/// Whether a name fits a pattern in which a star stands for any text.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let after = after.trim_start_matches('*');
            after.is_empty()
                || (0..=rest.len())
                    .any(|skipped| rest.get(skipped..).is_some_and(|rest| fits(rest, after)))
        }),
    }
}
