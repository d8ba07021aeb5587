//! Finds the faults in the invalidations of a program, with a remedy for each.
//!
//! A finding is certain within what was read; what the source does not show is unknown, and listed apart.

use std::time::Duration;

use crate::ctl::map::finding::{Finding, Kind};
use crate::ctl::map::forgotten::{self, pattern_for};
use crate::ctl::map::function::{How, Key, Place, Removed};
use crate::ctl::map::graph::{Graph, Reader};
use crate::ctl::map::notes::Allowed;
use crate::ctl::map::shape::Covered;
use crate::ctl::units;

/// All findings of a program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) wrong: Vec<Finding>,
    pub(super) unknown: Vec<Finding>,
}

impl Findings {
    /// Looks for them. `longest`: how long an entry may live that nobody removes.
    pub(super) fn of(graph: &Graph<'_>, longest: Duration) -> Self {
        let mut all = Vec::new();
        unmatched(graph, &mut all);
        unremoved(graph, longest, &mut all);
        forgotten::find(graph, &mut all);
        comments(graph, &mut all);
        unread(graph, &mut all);
        all.sort();
        all.dedup();
        let (unknown, wrong) = (all.into_iter()).partition(|one| one.kind == Kind::Unknown);
        Self { wrong, unknown }
    }
}

/// Removals that can concern no entry.
fn unmatched(graph: &Graph<'_>, all: &mut Vec<Finding>) {
    for (writer, by) in graph.writers.iter().enumerate() {
        let function = by.function;
        for (removal, removes) in function.removes.iter().enumerate() {
            let is_matched = graph.removed_by(writer, removal).next().is_some();
            if is_matched || removes.is_clear() || function.notes.allows(Allowed::Unmatched) {
                continue;
            }
            let (kind, what, remedy) = match &removes.what {
                Removed::Nothing(why) => {
                    let why = format!("this is no pattern: {why}");
                    (Kind::Unmatched, why, "correct the pattern".to_owned())
                }
                // A function of that name that has nothing to do with the cache.
                Removed::Companion { .. } => continue,
                Removed::Entries(Covered::Keys(_)) => key_missed(graph, &removes.written),
                Removed::Entries(Covered::Tags(_)) => tag_missed(graph),
            };
            all.push(Finding {
                at: Place {
                    file: function.place.file.clone(),
                    line: removes.line,
                },
                kind,
                function: function.name.clone(),
                what: format!("removes `{}`: {what}", removes.written),
                remedy,
            });
        }
    }
}

fn key_missed(graph: &Graph<'_>, written: &str) -> (Kind, String, String) {
    let unread = |reader: &&Reader<'_>| matches!(reader.store.key, Key::Unread(_));
    if let Some(reader) = graph.readers.iter().find(unread) {
        let what = format!(
            "no key in the source can match it; the key of `{}` ({}) is not in the source",
            reader.function.name, reader.function.place
        );
        let remedy = "say that key above its function: `// cache-map: key jobs:<id>`";
        return (Kind::Unknown, what, remedy.to_owned());
    }
    let nearest = nearest(graph, written).map_or_else(String::new, |reader| {
        let (key, function) = (reader.store.key.shown(), reader.function);
        format!(
            "the nearest is `{key}` of `{}` ({}); ",
            function.name, function.place
        )
    });
    let remedy = format!("correct it to match a key; {nearest}{}", elsewhere());
    (Kind::Unmatched, "no key can match it".to_owned(), remedy)
}

/// The reader whose key begins most like a pattern, if that is more than a letter or two.
fn nearest<'a>(graph: &'a Graph<'_>, written: &str) -> Option<&'a Reader<'a>> {
    let alike = |reader: &Reader<'_>| match &reader.store.key {
        Key::Known { shown, .. } => {
            let pattern = written.trim_start_matches('=').chars();
            pattern
                .zip(shown.chars())
                .take_while(|(a, b)| a == b)
                .count()
        }
        Key::Unread(_) => 0,
    };
    let nearest = graph.readers.iter().max_by_key(|reader| alike(reader))?;
    (alike(nearest) > 2).then_some(nearest)
}

fn tag_missed(graph: &Graph<'_>) -> (Kind, String, String) {
    let unread = |reader: &&Reader<'_>| reader.store.tags.unread.is_some();
    if let Some(reader) = graph.readers.iter().find(unread) {
        let what = format!(
            "no tag in the source can match it; the tags of `{}` ({}) are not in the source",
            reader.function.name, reader.function.place
        );
        let remedy = "say those tags above their function: `// cache-map: tags author:<id>`";
        return (Kind::Unknown, what, remedy.to_owned());
    }
    let tags = graph
        .readers
        .iter()
        .flat_map(|reader| &reader.store.tags.listed);
    let mut tags: Vec<String> = tags.map(|tag| format!("`{tag}`")).collect();
    tags.sort();
    tags.dedup();
    let known = match tags.as_slice() {
        [] => "no function has `tags`".to_owned(),
        tags => format!("there are {}", tags.join(", ")),
    };
    let remedy = format!("correct it to match a tag ({known}); {}", elsewhere());
    (
        Kind::Unmatched,
        "no entry has such a tag".to_owned(),
        remedy,
    )
}

fn elsewhere() -> &'static str {
    "if another program stores it, write above the function `// cache-map: allow(unmatched)` and the reason"
}

/// Entries that live long and that nobody removes.
fn unremoved(graph: &Graph<'_>, longest: Duration, all: &mut Vec<Finding>) {
    for (at, reader) in graph.readers.iter().enumerate() {
        let (function, store) = (reader.function, reader.store);
        let is_removed = store.how == How::Put || graph.is_removed(at);
        if is_removed || function.notes.allows(Allowed::Unremoved) {
            continue;
        }
        let key = store.key.shown();
        let bound = units::duration(longest);
        let (kind, what, remedy) = match (store.ttl.length, &store.key) {
            (Some(ttl), _) if ttl <= longest => continue,
            (None, _) => (
                Kind::Unknown,
                format!(
                    "nobody removes `{key}`, and how long it lives is not in the source: `{}`",
                    store.ttl.written
                ),
                "write a duration, or a name that `ttl_names!` declares in these files".to_owned(),
            ),
            (Some(_), Key::Unread(_)) => (
                Kind::Unknown,
                format!("whether somebody removes it is not known: its key is {key}"),
                "say the key above the function: `// cache-map: key jobs:<id>`".to_owned(),
            ),
            (Some(ttl), Key::Known { .. }) => (
                Kind::Unremoved,
                format!(
                    "nobody removes `{key}`, which lives {}, longer than {bound}",
                    units::duration(ttl)
                ),
                format!(
                    "let the writers of its data remove it, as with `invalidates = \"{}\"`; or shorten its TTL; or write above the \
                     function `// cache-map: allow(unremoved)` and the reason",
                    pattern_for(&store.key)
                ),
            ),
        };
        all.push(Finding {
            at: Place {
                file: function.place.file.clone(),
                line: store.line,
            },
            kind,
            function: function.name.clone(),
            what,
            remedy,
        });
    }
}

/// Comments that are not understood, or belong to no function.
fn comments(graph: &Graph<'_>, all: &mut Vec<Finding>) {
    let comment = |at, function: &str, what: String, remedy: &str| Finding {
        at,
        kind: Kind::Comment,
        function: function.to_owned(),
        what,
        remedy: remedy.to_owned(),
    };
    for function in &graph.program.functions {
        for (line, why) in &function.notes.wrong {
            let at = Place {
                file: function.place.file.clone(),
                line: *line,
            };
            let remedy = "correct the comment, or remove it";
            all.push(comment(at, &function.name, why.clone(), remedy));
        }
    }
    for at in &graph.program.misplaced {
        let what = "this comment is in a form that is not read, so it says nothing".to_owned();
        let remedy = "write it with `//` on a line of its own directly above a function: `// cache-map: reads jobs`";
        all.push(comment(at.clone(), "", what, remedy));
    }
    for at in &graph.program.stray {
        let what = "this comment is above no function, so it says nothing".to_owned();
        let remedy = "move it directly above a function: no empty line between";
        all.push(comment(at.clone(), "", what, remedy));
    }
}

/// Reports the keys, tags, TTLs and removals that the source does not show.
fn unread(graph: &Graph<'_>, all: &mut Vec<Finding>) {
    for function in &graph.program.functions {
        all.extend(function.unread.iter().map(|unread| Finding {
            at: Place {
                file: function.place.file.clone(),
                line: unread.line,
            },
            kind: Kind::Unknown,
            function: function.name.clone(),
            what: unread.what.clone(),
            remedy: unread.remedy.clone(),
        }));
    }
}

#[cfg(test)]
mod tests;
