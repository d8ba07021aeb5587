//! The load program runs: short rounds over small tables, with a real Redis of its own.

use std::fs;
use std::process::Command;

#[test]
fn the_load_program_prints_and_draws_its_tables() {
    let page = short_run("articles");
    for line in [
        "## Articles",
        "| `GET /articles` | 180 → 12 ms (15) |",
        "round trip of 5 ms to the database",
        "| ten at once for a new page: statements | – | 20 | 2 | 2 | 10 |",
        "| statements for 100 requests of one page |",
        "| hit rate with all TTLs at 0.3 s, as drawn above |",
        "| with it, and Redis | 400 |",
    ] {
        assert!(page.contains(line), "no {line:?} in:\n{page}");
    }
}

#[test]
fn the_mix_with_writes_prints_and_draws_its_table() {
    let page = short_run("writes");
    for line in [
        "## Writes that clear lists",
        "| plain: a write clears all lists |",
        "| finer tags: a write clears its category |",
    ] {
        assert!(page.contains(line), "no {line:?} in:\n{page}");
    }
}

/// Runs one part of it; the page that it wrote, after all pictures on it were found beside it.
fn short_run(part: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Command::new(env!("CARGO_BIN_EXE_systems"))
        .args(["--quick", "--only", part, "--out"])
        .arg(folder.path())
        .output()
        .expect("the load program");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let page = fs::read_to_string(folder.path().join("systems.md")).expect("a page");
    let pictures = page.split("](systems-").skip(1);
    let mut drawn = 0;
    for picture in pictures {
        let (name, _) = picture.split_once(')').expect("the end of a link");
        let svg = fs::read_to_string(folder.path().join(format!("systems-{name}")));
        assert!(svg.expect("a picture").starts_with("<svg"), "{name}");
        drawn += 1;
    }
    assert!(drawn > 0, "no picture on the page:\n{page}");
    assert!(String::from_utf8_lossy(&run.stdout).contains(page.lines().last().unwrap_or("?")));
    page
}
