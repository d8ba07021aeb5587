//! Tables that comments name: whoever writes one has to remove what was read from it.

use crate::ctl::map::finding::{Finding, Kind};
use crate::ctl::map::function::{Function, Key};
use crate::ctl::map::graph::{Graph, Reader};

/// Finds writers of a table that do not remove all that was read from it.
pub(super) fn find(graph: &Graph<'_>, all: &mut Vec<Finding>) {
    for (at, function) in graph.program.functions.iter().enumerate() {
        for table in &function.notes.writes {
            written(graph, at, function, table, all);
        }
        let reads_nothing_that_is_stored = function.stores.is_empty();
        if let Some(table) = function.notes.reads.first()
            && reads_nothing_that_is_stored
        {
            all.push(finding(
                function,
                Kind::Comment,
                format!("reads `{table}`, but stores nothing in the cache"),
                "put the comment above the cached function".to_owned(),
            ));
        }
    }
}

/// Looks at each reader of a table that a function writes.
fn written(
    graph: &Graph<'_>,
    at: usize,
    function: &Function,
    table: &String,
    all: &mut Vec<Finding>,
) {
    let mut is_read = false;
    for (number, reader) in graph.readers.iter().enumerate() {
        if !reader.function.notes.reads.contains(table) {
            continue;
        }
        is_read = true;
        let mut removing = graph.edges.iter().filter(|edge| edge.reader == number);
        if reader.at != at && !removing.any(|edge| graph.writers[edge.writer].at == at) {
            all.push(missing(function, table, *reader));
        }
    }
    if !is_read {
        all.push(finding(
            function,
            Kind::Unknown,
            format!("writes `{table}`, and no function says that it reads it"),
            format!("write `// cache-map: reads {table}` above the cached functions that do; or correct the name"),
        ));
    }
}

/// A reader that a function does not remove.
fn missing(function: &Function, table: &str, reader: Reader<'_>) -> Finding {
    let (key, name, place) = (
        reader.store.key.shown(),
        &reader.function.name,
        &reader.function.place,
    );
    if matches!(reader.store.key, Key::Unread(_)) || !function.unread.is_empty() {
        return finding(
            function,
            Kind::Unknown,
            format!("writes `{table}`; whether it removes `{name}` ({place}), which reads it, is not in the source"),
            "say it in comments: `// cache-map: key …` above the reader, `// cache-map: removes …` above the writer".to_owned(),
        );
    }
    finding(
        function,
        Kind::Forgotten,
        format!(
            "writes `{table}` and does not remove `{key}` of `{name}` ({place}), which reads it"
        ),
        format!(
            "remove it here, as with `invalidates = \"{}\"`",
            pattern_for(&reader.store.key)
        ),
    )
}

fn finding(function: &Function, kind: Kind, what: String, remedy: String) -> Finding {
    Finding {
        at: function.place.clone(),
        kind,
        function: function.name.clone(),
        what,
        remedy,
    }
}

/// A pattern that covers every key of a template.
pub(super) fn pattern_for(key: &Key) -> String {
    match key {
        Key::Known { beginning, .. } if !beginning.is_empty() => beginning.clone(),
        Key::Known { shown, .. } => shown.clone(),
        Key::Unread(_) => "…".to_owned(),
    }
}
