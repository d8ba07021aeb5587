//! The map as a table, and findings as lines.

use crate::ctl::map::finding::{Finding, Kind};
use crate::ctl::map::findings::Findings;
use crate::ctl::map::function::{How, Removed};
use crate::ctl::map::graph::{Graph, Reader};
use crate::ctl::out::{Out, Paint, visible};
use crate::ctl::table::Table;
use crate::ctl::units;

/// Readers, and who may remove what they store; then removals that concern none of them.
pub(super) fn map(graph: &Graph<'_>) -> String {
    let mut text = String::new();
    if !graph.readers.is_empty() {
        text.push_str(&readers(graph));
    }
    let lost = unmatched(graph);
    if !lost.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let mut table = Table::new(&["MATCHES NOTHING", "AT", "REMOVED BY"], &[]);
        lost.into_iter().for_each(|row| table.row(row));
        text.push_str(&table.render());
    }
    text
}

fn readers(graph: &Graph<'_>) -> String {
    let head = [
        "READER",
        "AT",
        "TTL",
        "KEY AND TAGS",
        "REMOVED BY",
        "AT",
        "WITH",
    ];
    let mut table = Table::new(&head, &[]);
    for (at, reader) in graph.readers.iter().enumerate() {
        let mut cells = described(*reader);
        let mut removing = graph.removing(at).peekable();
        if removing.peek().is_none() {
            cells.push("nobody".to_owned());
            table.row(cells);
            continue;
        }
        let mut last = None;
        for edge in removing {
            let by = graph.writers[edge.writer].function;
            let removal = &by.removes[edge.removal];
            let again = last.replace(edge.writer) == Some(edge.writer);
            cells.push(if again {
                String::new()
            } else {
                visible(&by.name)
            });
            cells.push(visible(&format!("{}:{}", by.place.file, removal.line)));
            cells.push(visible(&removal.written));
            table.row(std::mem::take(&mut cells));
            cells = vec![String::new(); 4];
        }
    }
    table.render()
}

/// The cells of a reader.
fn described(reader: Reader<'_>) -> Vec<String> {
    let (function, store) = (reader.function, reader.store);
    let how = match store.how {
        How::Read => "",
        How::Put => " (put)",
        How::ByHand => " (by hand)",
    };
    let tags = store.tags.listed.iter().map(|tag| format!(" #{tag}"));
    let unread = store
        .tags
        .unread
        .iter()
        .map(|source| format!(" #unknown (`{source}`)"));
    let key = store.key.shown() + &tags.chain(unread).collect::<String>();
    let stale = store.stale.as_ref();
    let ttl = store.ttl.shown()
        + &stale
            .map(|stale| format!(" (stale {stale})"))
            .unwrap_or_default();
    vec![
        visible(&format!("{}{how}", function.name)),
        visible(&function.place.to_string()),
        visible(&ttl),
        visible(&key),
    ]
}

fn unmatched(graph: &Graph<'_>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (writer, by) in graph.writers.iter().enumerate() {
        for (number, removal) in by.function.removes.iter().enumerate() {
            let is_call = matches!(removal.what, Removed::Companion { .. });
            if !is_call && graph.removed_by(writer, number).next().is_none() {
                rows.push(vec![
                    visible(&removal.written),
                    visible(&format!("{}:{}", by.function.place.file, removal.line)),
                    visible(&by.function.name),
                ]);
            }
        }
    }
    rows
}

/// The last line: how much there is, and how much of it is wrong.
pub(super) fn summary(graph: &Graph<'_>, findings: &Findings, checked: bool) -> String {
    let count = |number: usize, one: &str, many: &str| {
        let word = if number == 1 { one } else { many };
        format!("{} {word}", units::number(number as u64))
    };
    let mut line = format!(
        "{}, {} in {}; {}, {} unknown",
        count(graph.readers.len(), "reader", "readers"),
        count(graph.writers.len(), "writer", "writers"),
        count(graph.program.files, "file", "files"),
        count(findings.wrong.len(), "finding", "findings"),
        findings.unknown.len(),
    );
    let has_any = !findings.wrong.is_empty() || !findings.unknown.is_empty();
    if has_any && !checked {
        line.push_str(": `cachectl map --check` names them");
    }
    line.push('\n');
    line
}

/// The findings, each with its place and what to do.
pub(super) fn findings(findings: &Findings, out: &Out) -> String {
    let all = findings.wrong.iter().chain(&findings.unknown);
    all.map(|one| finding(one, out)).collect()
}

fn finding(one: &Finding, out: &Out) -> String {
    let paint = match one.kind {
        Kind::Unknown => Paint::Yellow,
        Kind::Unmatched | Kind::Unremoved | Kind::Forgotten | Kind::Comment => Paint::Red,
    };
    let function = match one.function.as_str() {
        "" => String::new(),
        name => format!("`{}`: ", visible(name)),
    };
    format!(
        "{}: {}: {function}{}\n  remedy: {}\n",
        visible(&one.at.to_string()),
        out.paint(paint, one.kind.as_str()),
        visible(&one.what),
        visible(&one.remedy),
    )
}
