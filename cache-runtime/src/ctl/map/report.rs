//! The map as one document, for programs.

use serde::Serialize;

use crate::ctl::map::finding::Finding;
use crate::ctl::map::findings::Findings;
use crate::ctl::map::function::{How, Place};
use crate::ctl::map::graph::Graph;

/// The answer with `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    files: usize,
    readers: Vec<ReaderRow<'a>>,
    writers: Vec<WriterRow<'a>>,
    findings: &'a [Finding],
    unknown: &'a [Finding],
    unparsed: Vec<UnparsedRow<'a>>,
}

#[derive(Debug, Serialize)]
struct ReaderRow<'a> {
    function: &'a str,
    at: &'a Place,
    stored_by: How,
    key: String,
    /// Whether the key is in the source.
    key_known: bool,
    ttl: &'a str,
    ttl_seconds: Option<f64>,
    stale: Option<&'a str>,
    near: Option<&'a str>,
    tags: Vec<String>,
    reads: &'a [String],
    removed_by: Vec<Removing<'a>>,
}

#[derive(Debug, Serialize)]
struct Removing<'a> {
    function: &'a str,
    at: Place,
    pattern: &'a str,
}

#[derive(Debug, Serialize)]
struct WriterRow<'a> {
    function: &'a str,
    at: &'a Place,
    writes: &'a [String],
    removes: Vec<Removes<'a>>,
}

#[derive(Debug, Serialize)]
struct Removes<'a> {
    pattern: &'a str,
    line: usize,
    /// Numbers of readers, counted from 0.
    readers: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct UnparsedRow<'a> {
    at: &'a Place,
    reason: &'a str,
}

impl<'a> Report<'a> {
    pub(super) fn of(graph: &'a Graph<'a>, findings: &'a Findings) -> Self {
        let unparsed = graph.program.unparsed.iter();
        Self {
            files: graph.program.files,
            readers: (0..graph.readers.len())
                .map(|at| reader(graph, at))
                .collect(),
            writers: (0..graph.writers.len())
                .map(|at| writer(graph, at))
                .collect(),
            findings: &findings.wrong,
            unknown: &findings.unknown,
            unparsed: unparsed
                .map(|(at, reason)| UnparsedRow { at, reason })
                .collect(),
        }
    }
}

fn reader<'a>(graph: &'a Graph<'a>, at: usize) -> ReaderRow<'a> {
    let reader = graph.readers[at];
    let (function, store) = (reader.function, reader.store);
    let removing = graph.removing(at).map(|edge| {
        let by = graph.writers[edge.writer].function;
        let removal = &by.removes[edge.removal];
        Removing {
            function: &by.name,
            at: Place {
                file: by.place.file.clone(),
                line: removal.line,
            },
            pattern: &removal.written,
        }
    });
    ReaderRow {
        function: &function.name,
        at: &function.place,
        stored_by: store.how,
        key: store.key.shown(),
        key_known: store.key.shape().is_some(),
        ttl: &store.ttl.written,
        ttl_seconds: store.ttl.length.map(|length| length.as_secs_f64()),
        stale: store.stale.as_deref(),
        near: store.near.as_deref(),
        tags: store.tags.listed.iter().map(ToString::to_string).collect(),
        reads: &function.notes.reads,
        removed_by: removing.collect(),
    }
}

fn writer<'a>(graph: &'a Graph<'a>, at: usize) -> WriterRow<'a> {
    let function = graph.writers[at].function;
    let removes = function
        .removes
        .iter()
        .enumerate()
        .map(|(number, removal)| Removes {
            pattern: &removal.written,
            line: removal.line,
            readers: graph
                .removed_by(at, number)
                .map(|edge| edge.reader)
                .collect(),
        });
    WriterRow {
        function: &function.name,
        at: &function.place,
        writes: &function.notes.writes,
        removes: removes.collect(),
    }
}
