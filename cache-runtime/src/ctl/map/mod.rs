//! `cachectl map`: which functions of a program remove what others store, read from its source, and what is forgotten.
//!
//! Read in this order: `files` and `source` (what is read), `names`, `imports`, `variables`, `reading` and `lifetime` (what names and expressions give),
//! `options`, `stored`, `computed`, `calls` and `notes` (what attributes, calls and comments say), `finder` and `program` (the
//! functions), `shape` and `graph` (which removal may concern which entry), `findings` and `forgotten` (what is wrong), then
//! one file for each form of the answer.

mod calls;
mod computed;
mod dot;
mod expr;
mod files;
mod finder;
mod finding;
mod findings;
mod forgotten;
mod function;
mod graph;
mod imports;
mod lifetime;
mod names;
mod notes;
mod numbers;
mod options;
mod place_in_crate;
mod program;
mod reading;
mod report;
mod shape;
mod skipped;
mod source;
mod stored;
mod svg;
mod table;
mod text;
mod variables;

use std::path::PathBuf;
use std::time::Duration;

use self::findings::Findings;
use self::graph::Graph;
use self::program::Program;
use self::report::Report;
use crate::cache::config::CacheConfig;
use crate::ctl::args::{Format, Map};
use crate::ctl::failure::Failure;
use crate::ctl::out::{Out, visible};

/// The stack on which the source is read: its parser calls itself for everything within something else.
const STACK: usize = 256 << 20;

/// Runs the command. It needs neither a server nor a build.
///
/// # Errors
///
/// A path cannot be read, or a setting is wrong.
pub(super) fn run(wanted: &Map, out: &Out) -> Result<u8, Failure> {
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().stack_size(STACK);
        let thread = reading
            .spawn_scoped(scope, || map(wanted, out))
            .map_err(|why| Failure::usage(format!("this system gives no thread: {why}")))?;
        let ended = thread.join();
        ended.unwrap_or_else(|_| {
            Err(Failure::usage("the source cannot be read").because("a fault of cachectl"))
        })
    })
}

fn map(wanted: &Map, out: &Out) -> Result<u8, Failure> {
    if out.json && matches!(wanted.format, Format::Dot | Format::Svg) {
        return Err(
            Failure::usage("a picture is no JSON document").remedy("leave out --json, or --format")
        );
    }
    let paths = match wanted.paths.as_slice() {
        [] => vec![PathBuf::from("src")],
        paths => paths.to_vec(),
    };
    let files = files::find(&paths)?;
    let program = Program::read(&files, default_ttl()?);
    let graph = Graph::of(&program);
    let findings = Findings::of(&graph, wanted.max_unremoved_ttl);
    answer(wanted, &graph, &findings, out);
    let failed = wanted.check && !findings.wrong.is_empty();
    Ok(u8::from(failed || !program.unparsed.is_empty()))
}

fn answer(wanted: &Map, graph: &Graph<'_>, findings: &Findings, out: &Out) {
    let format = if out.json {
        Format::Json
    } else {
        wanted.format
    };
    match format {
        Format::Json => out.json(&Report::of(graph, findings)),
        Format::Table if wanted.check => out.text(&table::findings(findings, out)),
        Format::Table => out.text(&table::map(graph)),
        Format::Dot => out.text(&dot::draw(graph)),
        Format::Svg => out.text(&svg::draw(graph)),
    }
    if out.json {
        return;
    }
    if wanted.check && matches!(format, Format::Dot | Format::Svg) {
        out.note(table::findings(findings, out).trim_end());
    }
    for (place, why) in &graph.program.unparsed {
        out.note(&format!(
            "cachectl: {}: this file is left out: {}\n  remedy: correct it, so that the functions in it are on the map, too",
            visible(&place.to_string()),
            visible(why)
        ));
    }
    let summary = table::summary(graph, findings, wanted.check);
    match format {
        Format::Table => out.text(&summary),
        _ => out.note(summary.trim_end()),
    }
}

/// `CACHE_DEFAULT_TTL`, as the program would read it.
fn default_ttl() -> Result<Duration, Failure> {
    const NAME: &str = "CACHE_DEFAULT_TTL";
    let lookup = |name: &str| (name == NAME).then(|| std::env::var(NAME).ok()).flatten();
    CacheConfig::from_lookup(&|name| lookup(name).filter(|value| !value.is_empty()))
        .map(|config| config.default_ttl)
        .map_err(|why| Failure::usage(why.to_string()))
}
