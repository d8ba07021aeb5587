//! This cache beside others, in one run against real Redis servers that it starts itself:
//!
//! ```console
//! $ cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! Prints Markdown: the race, the outage, the stampede. How each library is used is said at the top of its file in
//! `peers/`: as its own README recommends, and where it offers something stronger, that. `–` is what a library has no
//! operation for. Ends with 1 if ours breaks a promise, whatever the others do.

mod outage;
mod peers;
mod race;
mod row;
mod server;
mod stampede;
mod table;

use std::process::ExitCode;
use std::thread;

#[tokio::main]
async fn main() -> ExitCode {
    // A panic inside a peer's call is one of the results, and is counted there.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic
            .location()
            .is_some_and(|at| at.file().contains("cached_redis"))
        {
            usual(panic);
        }
    }));

    let only = std::env::args().nth(1);
    let wanted = |section: &str| only.as_deref().is_none_or(|only| only == section);
    println!(
        "{}; Redis {}, {} cores.",
        ["moka", "cached", "multi-tier-cache"]
            .map(version)
            .join(", "),
        server::Server::start().version(),
        thread::available_parallelism().map_or(0, usize::from),
    );
    let mut broken = Vec::new();
    if wanted("race") && !race::run().await {
        broken.push("race");
    }
    if wanted("outage") && !outage::run().await {
        broken.push("outage");
    }
    if wanted("stampede") && !stampede::run().await {
        broken.push("stampede");
    }
    if broken.is_empty() {
        println!("\nOurs kept its promises.");
        return ExitCode::SUCCESS;
    }
    println!("\nOurs broke a promise: {}.", broken.join(", "));
    ExitCode::FAILURE
}

/// As it is in the lock file.
fn version(name: &str) -> String {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let lock = include_str!("../Cargo.lock");
    let found = lock
        .split_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'));
    format!("{name} {}", found.map_or("?", |(version, _)| version))
}
