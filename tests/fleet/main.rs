//! A fleet of processes in front of one Redis, with everything that goes wrong, and a checker that reads what they saw.
//!
//! ```text
//! cargo run --release -p cache-tests --bin fleet -- --minutes 10 --seed 7
//! cargo run --release -p cache-tests --bin fleet -- --seconds 10 --without cas
//! cargo run --release -p cache-tests --bin fleet -- --minutes 1 --plan crashes --journals all
//! ```
//!
//! It prints one line of JSON, and fails if a promise was broken. A seed replays what is asked for and when; not what the
//! scheduler makes of it. Read in this order: [`catalogue`] (what is cached), [`functions`], [`acts`] (what processes
//! do), [`faults`], [`fleet`] (a run), [`checker`].

mod acts;
mod arguments;
mod canary;
mod catalogue;
mod checker;
mod clock;
mod collector;
mod database;
mod faults;
mod fleet;
mod functions;
mod history;
mod plan;
mod random;
mod stage;
mod telling;
mod worker;

use std::process::ExitCode;

use crate::arguments::Called;

fn main() -> ExitCode {
    match Called::parse(std::env::args().skip(1)) {
        Ok(Called::Worker(orders)) => match worker::run(*orders) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error.to_string()),
        },
        Ok(Called::Fleet(options)) => match fleet::run(&options) {
            Ok(report) => {
                println!(
                    "{}",
                    serde_json::to_string(&report).expect("a report is plain data")
                );
                if report.is_clean() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                }
            }
            Err(error) => failed(&error.to_string()),
        },
        Err(text) => failed(&text),
    }
}

fn failed(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(2)
}
