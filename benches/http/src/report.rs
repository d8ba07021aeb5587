//! The document: what was measured, on what, and how to run it; then the parts.

use crate::setting::Setting;
use bench_parts::redis_server::RedisServer;
use bench_parts::{cores, machine};

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
        machine::processor(),
        cores::count(),
        versions(),
    )
}

fn versions() -> String {
    let crates = [
        "axum",
        "cached",
        "moka",
        "axum-response-cache",
        "tower-http-cache",
    ];
    let mut all: Vec<String> = crates
        .iter()
        .map(|name| machine::locked(include_str!("../Cargo.lock"), name))
        .collect();
    all.push(format!("Redis {}", RedisServer::start().version()));
    all.push(machine::first_words("wrk", "-v", 2));
    all.push(machine::first_words("rustc", "--version", 2));
    all.join(", ")
}
