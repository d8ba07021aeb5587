//! The guide in `docs/book`: its summary names every page, every page is compiled, and links lead somewhere, both in the
//! repository and in what mdBook makes of it.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the pages are, from the root of the repository.
const PAGES: &str = "docs/book/src";

/// As links write the ending of a document outside of the book. mdBook turns every `.md` into `.html`, and there is no such
/// page outside of it; this spelling it leaves alone, and browsers and servers read it as `.md`.
const OUTSIDE: &str = "%2Emd";

#[test]
fn every_page_of_the_guide_is_in_its_summary_and_compiled() {
    let root = super::repository();
    let compiled = include_str!("book.rs");
    let summary = fs::read_to_string(root.join(PAGES).join("SUMMARY.md")).expect("a summary");
    let named = targets(&summary);
    let pages = pages(&root);
    assert!(pages.len() >= 10, "only {pages:?} were found");
    for page in &pages {
        assert!(named.contains(page), "SUMMARY.md does not name {page}");
        assert!(
            compiled.contains(&format!("\"{page}\"")),
            "tests/book.rs does not compile {page}"
        );
    }
    for page in &named {
        assert!(
            pages.contains(page),
            "SUMMARY.md names {page}: no such page"
        );
    }
}

#[test]
fn links_of_the_guide_lead_somewhere() {
    let root = super::repository();
    let pages = pages(&root);
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(root.join(PAGES).join(page)).expect("a page is text");
        for target in targets(&text) {
            if !leads_somewhere(&target, page, &pages, &root) {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

#[test]
fn a_link_that_leads_nowhere_is_found_however_it_is_wrong() {
    let root = super::repository();
    let pages = pages(&root);
    let leads = |target: &str| leads_somewhere(target, "keys.md", &pages, &root);
    for right in [
        "quickstart.md",
        "quickstart.md#the-program",
        "#keys",
        "../../../README%2Emd",
        "../../../README%2Emd#settings",
        "../../benchmarks/http-outage.svg",
        "https://example.org/nowhere",
    ] {
        assert!(leads(right), "{right}");
    }
    for wrong in [
        "nowhere.md",
        "quickstart.md#nowhere",
        "#nowhere",
        "../../../README.md", // mdBook would make a page of it
        "../../../README%2Emd#nowhere",
        "../../../NOWHERE%2Emd",
        "../../benchmarks/nowhere.svg",
    ] {
        assert!(!leads(wrong), "{wrong}");
    }
}

fn pages(root: &Path) -> Vec<String> {
    let mut found: Vec<PathBuf> = Vec::new();
    super::matching(root, &format!("{PAGES}/*.md"), &mut found);
    let names = found.iter().filter_map(|path| path.file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name != "SUMMARY.md")
        .collect()
}

/// The targets of all links and images outside of programs.
fn targets(text: &str) -> Vec<String> {
    outside_of_programs(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

fn outside_of_programs(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn leads_somewhere(target: &str, page: &str, pages: &[String], root: &Path) -> bool {
    if target.contains("://") {
        return true;
    }
    let (file, section) = target
        .split_once('#')
        .map_or((target, None), |(file, section)| (file, Some(section)));
    let file = if file.is_empty() { page } else { file };
    let inside = !file.contains('/');
    if file.ends_with(".md") && !(inside && pages.iter().any(|page| page == file)) {
        return false;
    }
    let path = root.join(PAGES).join(file.replace(OUTSIDE, ".md"));
    let Ok(bytes) = fs::read(&path) else {
        return path.is_dir();
    };
    let Some(section) = section else {
        return true;
    };
    let text = String::from_utf8_lossy(&bytes);
    outside_of_programs(&text)
        .filter(|line| line.starts_with('#'))
        .any(|heading| anchor(heading) == section)
}

/// The name that mdBook, and the hosts of repositories, give to a heading.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}
