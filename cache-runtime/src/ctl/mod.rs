//! The commands of `cachectl`. The binary only calls [`run`]; `docs/cachectl.md` describes what it prints.
//!
//! Read in this order: `args` (what the user may write), `place` (which server and namespace), `cluster` (one server, or a
//! Redis Cluster), `failure`, `unavailable` and `explain` (what went wrong, why, and what to do), `out` (text or JSON),
//! `parts` and `merged` (the buckets of a cluster as one namespace), then one file or folder for each command. Commands that
//! only look use plain connections and write nothing; `own_cache` is for those that change something, and `scratch` a cache
//! for measurements, removed afterwards. `map` reads source code and needs no server.

mod args;
mod bench;
mod clear;
mod cluster;
mod completions;
mod consent;
mod doctor;
mod entry_state;
mod explain;
mod failure;
mod get;
mod hexdump;
mod histogram;
mod invalidate;
mod keys;
mod map;
mod merged;
mod out;
mod own_cache;
mod parts;
mod place;
mod plain;
mod redact;
mod removing;
mod scratch;
mod stats;
mod table;
mod unavailable;
mod units;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Args, Command};
use self::failure::Failure;
use self::out::Out;
use self::place::Place;

/// Runs the command that the words describe; the first word is the name of the program.
///
/// Returns 0 if all is well, 1 if the command found problems, 2 if it could not be understood or the server could not be
/// reached.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => return ExitCode::from(out::usage(&error)),
    };
    let out = Out::new(args.wants_json());
    let code = match started(&args, &out) {
        Ok(code) => code,
        Err(failure) => {
            out.failure(&failure);
            failure.code
        }
    };
    ExitCode::from(code)
}

fn started(args: &Args, out: &Out) -> Result<u8, Failure> {
    if let Command::Completions(wanted) = &args.command {
        completions::run(wanted, out);
        return Ok(0);
    }
    if let Command::Map(wanted) = &args.command {
        return map::run(wanted, out);
    }
    let place = Place::find(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|why| Failure::usage(format!("this system gives no threads: {why}")))?;
    runtime.block_on(async {
        match &args.command {
            Command::Doctor => doctor::run(&place, out).await,
            Command::Stats(wanted) => stats::run(&place, wanted, out).await,
            Command::Keys(wanted) => keys::run(&place, wanted, out).await,
            Command::Get(wanted) => get::run(&place, wanted, out).await,
            Command::Invalidate(wanted) => invalidate::run(&place, wanted, out).await,
            Command::Clear(wanted) => clear::run(&place, wanted, out).await,
            Command::Bench(wanted) => bench::run(&place, wanted, out).await,
            Command::Map(_) | Command::Completions(_) => Ok(0),
        }
    })
}
