//! The examples of this repository under load, with and without their cache:
//!
//! ```console
//! $ cargo run --release -p systems
//! ```
//!
//! Prints Markdown, and writes it with its pictures. `systems/` says what is asked of each example, `writes.rs` measures what
//! writes make of a cache.

mod ask;
mod database;
mod load;
mod options;
mod over_time;
mod report;
mod rows;
mod serve;
mod service;
mod statements;
mod systems;
mod together;
mod variants;
mod writes;

use std::process::ExitCode;

use bench_parts::cores;
use bench_parts::part::{self, Part};

use database::Databases;
use options::{Bench, Options};

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Options::Bench(bench)) => {
            if bench.pinned() {
                cores::take_load_core();
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(run(&bench));
            ExitCode::SUCCESS
        }
        Ok(Options::Serve(serve)) => {
            serve::run(serve);
            ExitCode::SUCCESS
        }
        Ok(Options::Help) => {
            println!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            ExitCode::FAILURE
        }
    }
}

async fn run(bench: &Bench) {
    let databases = Databases::new(bench.quick);
    let head = report::head(bench);
    println!("{head}");
    let mut parts: Vec<Part> = Vec::new();
    // After each part, so that a run that is broken off has not been in vain.
    let mut done = |part: Part| {
        println!("{}", part.markdown());
        parts.push(part);
        match part::write(&bench.out, "systems", &head, &parts) {
            Ok(()) => eprintln!(
                "{} parts are written to {}",
                parts.len(),
                bench.out.display()
            ),
            Err(error) => eprintln!("{}: {error}", bench.out.display()),
        }
    };
    for system in systems::all() {
        if bench.wants(system.id) {
            databases.prepare(system.id).await;
            done(report::part(&system, bench, &databases).await);
        }
    }
    if bench.wants("writes") {
        databases.prepare("job-board").await;
        done(writes::run(bench, &databases).await);
    }
}
