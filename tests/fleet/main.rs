//! A fleet of processes in front of one Redis, or of a Redis Cluster, with everything that goes wrong, and a checker that reads what they saw.
//!
//! ```text
//! cargo run --release -p cache-tests --bin fleet -- --minutes 10 --seed 7
//! cargo run --release -p cache-tests --bin fleet -- --seconds 10 --without cas
//! cargo run --release -p cache-tests --bin fleet -- --minutes 1 --plan crashes --journals all
//! cargo run --release -p cache-tests --bin fleet -- plans
//! cargo run --release -p cache-tests --bin fleet -- --minutes 1 --rate 500 --round-trip 5 --names wild --tenants 2
//! ```
//!
//! `plans` lists the plans, with the kind of servers that each is for. A run prints one line of JSON, and fails if a promise
//! was broken. A seed replays what is asked for and when; not what the
//! scheduler makes of it. With every plan go:
//!
//! - `--rate N`: acts are begun so many times a second and process, whatever becomes of the earlier ones; 0: by tasks, one
//!   after the other. What is due while too many are under way is dropped, and counted as `dropped`.
//! - `--round-trip N`: to Redis and back, in milliseconds.
//! - `--budget N`: what one call may wait for Redis, in milliseconds.
//! - `--rows N`: how many rows there are.
//! - `--names wild`: rows, groups, authors and the namespace have names with spaces, colons, backslashes, stars, escapes
//!   and non-ASCII in them.
//! - `--tenants 2`: every other process belongs to another application, whose namespace is nested in the first one's.
//! - `--servers cluster`: Redis Cluster of three masters with a replica each, instead of one server.
//! - `--busy N`: everything runs on one core, beside so many threads that only compute.
//!
//! Read in this order: [`catalogue`] (what is cached), [`names`], [`functions`], [`acts`] (what processes do), [`plan`],
//! [`faults`], [`fleet`] (a run), [`checker`].

mod acts;
mod arguments;
mod body;
mod busy;
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
mod names;
mod plan;
mod random;
mod reads;
mod servers;
mod stage;
mod telling;
mod transactions;
mod uncommitted;
mod way;
mod worker;

use std::process::ExitCode;

use crate::arguments::Called;
use crate::plan::Plan;

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
        Ok(Called::Plans) => {
            for plan in Plan::all() {
                println!("{} {}", plan.name, plan.servers.name());
            }
            ExitCode::SUCCESS
        }
        Err(text) => failed(&text),
    }
}

fn failed(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(2)
}
