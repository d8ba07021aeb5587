//! One Axum service with different caches, measured over HTTP in one run:
//!
//! ```console
//! $ cargo run --release --manifest-path benches/http/Cargo.toml
//! ```
//!
//! Prints Markdown, and writes it with a chart for each table. How each cache is used is said at the top of its file in
//! `contenders/`: as its own README recommends, and where it offers something stronger, that.

mod client;
mod contenders;
mod hot;
mod mix;
mod options;
mod outage;
mod page;
mod plan;
mod process;
mod python;
mod report;
mod serve;
mod setting;
mod source;
mod stampede;
mod verdict;
mod witness;
mod wrk;

use std::process::ExitCode;

use bench_parts::cores;
use bench_parts::part::{self, Part};
use options::{Bench, Options};
use python::Python;
use setting::Setting;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Options::Bench(bench)) => {
            if cores::count() >= 2 {
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
    let setting = Setting {
        python: Python::prepare(),
        rounds: bench.rounds,
        quick: bench.quick,
    };
    let head = report::head(&setting);
    println!("{head}");
    let wanted = |table: &str| bench.only.as_deref().is_none_or(|only| only == table);
    let mut parts: Vec<Part> = Vec::new();
    for table in ["hot", "mix", "stampede", "outage"] {
        if !wanted(table) {
            continue;
        }
        let part = match table {
            "hot" => hot::run(&setting).await,
            "mix" => mix::run(&setting).await,
            "stampede" => stampede::run(&setting).await,
            _ => outage::run(&setting).await,
        };
        println!("{}", part.markdown());
        parts.push(part);
    }
    match part::write(&bench.out, "http", &head, &parts) {
        Ok(()) => eprintln!(
            "written to {}",
            bench
                .out
                .canonicalize()
                .unwrap_or(bench.out.clone())
                .display()
        ),
        Err(error) => eprintln!("{}: {error}", bench.out.display()),
    }
}
