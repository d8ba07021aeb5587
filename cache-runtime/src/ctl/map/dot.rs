//! The map in Graphviz's language.

use std::fmt::Write as _;

use crate::ctl::map::graph::Graph;
use crate::ctl::out::visible;

/// A picture that `dot` draws: writers at the left, readers at the right.
pub(super) fn draw(graph: &Graph<'_>) -> String {
    let mut text = String::from(
        "digraph cache {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\"];\n  edge [fontname=\"monospace\"];\n",
    );
    // Writing into memory does not fail.
    for (at, writer) in graph.writers.iter().enumerate() {
        let function = writer.function;
        let label = quoted(&[&function.name, &function.place.to_string()]);
        let _ = writeln!(text, "  w{at} [label={label}];");
    }
    for (at, reader) in graph.readers.iter().enumerate() {
        let (function, store) = (reader.function, reader.store);
        let key = format!("{} {}", store.key.shown(), store.tags.shown());
        let label = quoted(&[
            &function.name,
            &function.place.to_string(),
            key.trim_end(),
            &store.ttl.shown(),
        ]);
        let is_removed = graph.is_removed(at);
        let style = if is_removed {
            "rounded"
        } else {
            "\"rounded,dashed\""
        };
        let _ = writeln!(text, "  r{at} [label={label}, style={style}];");
    }
    for edge in graph.edges.iter().filter(|edge| !edge.own) {
        let removal = &graph.writers[edge.writer].function.removes[edge.removal];
        let label = quoted(&[&removal.written]);
        let _ = writeln!(
            text,
            "  w{} -> r{} [label={label}];",
            edge.writer, edge.reader
        );
    }
    text.push_str("}\n");
    text
}

/// Lines as one quoted text of the language. In it, only quotes and backslashes have a meaning.
fn quoted(lines: &[&str]) -> String {
    let lines: Vec<String> = (lines.iter())
        .map(|line| visible(line).replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_the_text() {
        assert_eq!(
            quoted(&["a\"]; x [label=\"", "b\\", "<é>"]),
            r#""a\"]; x [label=\"\nb\\\n<é>""#
        );
        assert_eq!(quoted(&["a\nb"]), r#""a\\u{a}b""#);
    }
}
