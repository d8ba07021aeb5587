//! The document: what was measured, on what, and how to run it; then the parts.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::cores;
use crate::part::{Part, Setting};
use crate::redis_server::RedisServer;

/// Everything above the first table.
pub fn head(setting: &Setting) -> String {
    let python = setting.python.versions().map_or(
        "No Python environment could be made, so the rows of FastAPI are left out.".to_owned(),
        |versions| format!("{versions}."),
    );
    let pinned = match cores::count() >= 2 {
        true => {
            "The service has one core and one worker thread; the client and Redis share a second core."
        }
        false => "There is one core, which the service, the client and Redis share.",
    };
    format!(
        "# Over HTTP, beside other caches\n\n\
         One Axum service, once with each cache, measured over HTTP in one run of [`benches/http`](../../benches/http/README.md). \
         `GET /jobs/{{group}}/{{page}}` answers 8 KB of JSON, which takes the database 2 ms to load. `POST /jobs/{{group}}` \
         changes the group, removes its pages from the cache, and then answers. There are 100 groups of 100 pages. Each \
         contender is a process of its own. They are measured in turn, round after round, and the figures are medians. Every \
         cache in memory has room for 20,000 entries. How each is used is said at the top of its file in \
         `benches/http/src/contenders`, and for FastAPI in `benches/http/python/service.py`.\n\n\
         {pinned} Figures of other machines differ; ratios within one table differ less.\n\n\
         ```console\n$ cargo run --release --manifest-path benches/http/Cargo.toml\n```\n\n\
         Machine: {}, {} cores. {}. {python}\n\n\
         The lines under *What the figures say* are made from the figures of the run.",
        processor(),
        cores::count(),
        versions(),
    )
}

pub fn write(folder: &Path, head: &str, parts: &[Part]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut text = format!("{head}\n");
    for part in parts {
        text.push_str(&part.markdown());
        let chart = folder.join(format!("http-{}.svg", part.id));
        fs::write(chart, part.chart.svg())?;
    }
    fs::write(folder.join("http.md"), text)
}

fn versions() -> String {
    let crates = [
        "axum",
        "cached",
        "moka",
        "axum-response-cache",
        "tower-http-cache",
    ];
    let mut all: Vec<String> = crates.iter().map(|name| locked(name)).collect();
    all.push(format!("Redis {}", RedisServer::start().version()));
    all.push(first_words("wrk", "-v", 2));
    all.push(first_words("rustc", "--version", 2));
    all.join(", ")
}

/// As it is in the lock file, where the latest version is the last.
fn locked(name: &str) -> String {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let lock = include_str!("../Cargo.lock");
    let found = lock
        .rsplit_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'));
    format!("{name} {}", found.map_or("?", |(version, _)| version))
}

/// The beginning of what a program says of itself.
fn first_words(program: &str, option: &str, words: usize) -> String {
    let output = Command::new(program).arg(option).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let words: Vec<&str> = text.split_whitespace().take(words).collect();
    match words.is_empty() {
        true => format!("{program} ?"),
        false => words.join(" "),
    }
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(':'));
    model.map_or("an unknown processor".to_owned(), |(_, model)| {
        model.trim().to_owned()
    })
}
