//! Operations by hand: `cache().invalidate_prefix("jobs:")`, `list_jobs::invalidate(7)`, `cache().set("a", …)`.

use syn::{Expr, ExprCall, ExprMethodCall};

use crate::ctl::map::expr::{path_of, plain, source_of};
use crate::ctl::map::function::{How, Key, Removal, Removed, Store, Tags, Unread};
use crate::ctl::map::imports::Imports;
use crate::ctl::map::lifetime::Lifetime;
use crate::ctl::map::reading::{Reading, is_on_a_cache};
use crate::ctl::map::shape::{ANY, Covered, Shape};
use crate::ctl::map::text::Text;

/// The effect of a call on the cache.
pub(super) enum Done {
    Removes(Removal),
    Stores(Box<Store>),
    Unread(Unread),
}

/// The effect of a call of a path: `list_jobs::invalidate(7)`, `Repo::job_invalidate_all()`.
pub(super) fn of_path(call: &ExprCall, line: usize, imports: &Imports) -> Option<Done> {
    let mut path = path_of(&call.func);
    if path.len() < 2 {
        return None;
    }
    let last = path.last()?.clone();
    let (of_type, all) = companion(&last)?;
    let written = format!("{}(…)", path.join("::"));
    if of_type.is_empty() {
        path.pop();
    }
    let path = imports.full(path);
    Some(removes(written, line, Removed::Companion { path, all }))
}

/// The effect of a method call.
pub(super) fn of_method(
    call: &ExprMethodCall,
    line: usize,
    imports: &Imports,
    reading: Reading<'_>,
) -> Option<Done> {
    let method = call.method.to_string();
    let first = call.args.first();
    match (method.as_str(), first) {
        ("invalidate_prefix", Some(prefix)) => {
            let read = reading.prefix(prefix);
            Some(read.map_or_else(
                || unread(&method, prefix, line),
                |text| Done::Removes(prefixed(&text, line)),
            ))
        }
        ("invalidate_pattern", Some(pattern)) => Some(reading.string(pattern).map_or_else(
            || unread(&method, pattern, line),
            |text| Done::Removes(Removal::pattern(&text, line)),
        )),
        ("invalidate_tag", Some(tag)) => {
            let read = reading.tag(tag);
            let removal = |tag| Done::Removes(tagged(&[tag], line));
            Some(read.map_or_else(|| unread(&method, tag, line), removal))
        }
        ("invalidate_all_tags", Some(tags)) => {
            let read = reading.tags(tags);
            let removal = |all: Vec<Text>| Done::Removes(tagged(&all, line));
            Some(read.map_or_else(|| unread(&method, tags, line), removal))
        }
        ("delete", Some(key)) if is_on_a_cache(call) && call.args.len() == 1 => {
            Some(deleted(key, line, imports, reading))
        }
        ("clear", None) if is_on_a_cache(call) => Some(Done::Removes(everything(line))),
        ("set" | "get_or_load", Some(key)) if is_on_a_cache(call) && call.args.len() == 3 => {
            let ttl = call.args.iter().nth(if method == "set" { 2 } else { 1 })?;
            Some(Done::Stores(Box::new(stored(key, ttl, line, reading))))
        }
        _ => {
            let (_, all) = companion(&method).filter(|(prefix, _)| !prefix.is_empty())?;
            let path = vec![method.clone()];
            let written = format!("{method}(…)");
            Some(removes(written, line, Removed::Companion { path, all }))
        }
    }
}

fn removes(written: String, line: usize, what: Removed) -> Done {
    Done::Removes(Removal {
        written,
        line,
        what,
    })
}

/// The removal of everything.
pub(super) fn everything(line: usize) -> Removal {
    Removal {
        written: "*".to_owned(),
        line,
        what: Removed::Entries(Covered::Keys(Shape::of(&ANY.to_string()))),
    }
}

/// The removal of a prefix.
pub(super) fn prefixed(text: &Text, line: usize) -> Removal {
    let star = if text.marked.ends_with(':') { "" } else { "*" };
    let covered = Covered::Keys(Shape::of(&format!("{}{ANY}", text.marked)));
    Removal {
        written: format!("{text}{star}"),
        line,
        what: Removed::Entries(covered),
    }
}

/// The removal of what has all of these tags.
pub(super) fn tagged(all: &[Text], line: usize) -> Removal {
    let names: Vec<String> = all.iter().map(Text::to_string).collect();
    let covered = Covered::Tags(all.iter().map(Text::shape).collect());
    Removal {
        written: format!("#{}", names.join("+#")),
        line,
        what: Removed::Entries(covered),
    }
}

/// `cache().delete(…)`, also with the key that a companion gives.
fn deleted(key: &Expr, line: usize, imports: &Imports, reading: Reading<'_>) -> Done {
    if let Expr::Call(call) = plain(key) {
        let mut path = path_of(&call.func);
        if path.len() > 1 && path.last().is_some_and(|last| last == "key") {
            let written = format!("{}(…)", path.join("::"));
            path.pop();
            let path = imports.full(path);
            let what = Removed::Companion { path, all: false };
            return removes(written, line, what);
        }
    }
    match reading.key(key) {
        Some(text) => {
            let covered = Covered::Keys(text.shape());
            removes(format!("={text}"), line, Removed::Entries(covered))
        }
        None => unread("delete", key, line),
    }
}

fn stored(key: &Expr, ttl: &Expr, line: usize, reading: Reading<'_>) -> Store {
    let key = match reading.key(key) {
        Some(text) => Key::of(&text, false),
        None => Key::Unread(source_of(plain(key))),
    };
    Store {
        how: How::ByHand,
        key,
        ttl: Lifetime::read(ttl, reading),
        tags: Tags::default(),
        companion: None,
        stale: None,
        near: None,
        line,
    }
}

fn unread(method: &str, argument: &Expr, line: usize) -> Done {
    let source = source_of(plain(argument));
    Done::Unread(Unread {
        line,
        what: format!("what `{method}({source})` removes is not in the source"),
        remedy: "say it above the function: `// cache-map: removes jobs:<id>`".to_owned(),
    })
}

/// Whether a name is that of a companion that removes: the text before it, and whether it removes all entries. `refresh`
/// counts, because it replaces the entry.
fn companion(name: &str) -> Option<(&str, bool)> {
    ["invalidate_all", "invalidate", "refresh"]
        .into_iter()
        .find_map(|companion| {
            let before = name.strip_suffix(companion)?;
            let is_name = before.is_empty() || before.len() > 1 && before.ends_with('_');
            is_name.then_some((before, companion == "invalidate_all"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::map::names::{Known, Names};
    use crate::ctl::map::variables::Locals;

    fn done(source: &str) -> String {
        let (names, imports, locals) = (Names::default(), Imports::default(), Locals::new());
        let reading = Reading::new(Known::new(&names, &names), &locals);
        let done = match syn::parse_str(source).unwrap() {
            Expr::MethodCall(call) => of_method(&call, 1, &imports, reading),
            Expr::Call(call) => of_path(&call, 1, &imports),
            _ => None,
        };
        match done {
            None => "nothing".to_owned(),
            Some(Done::Removes(removal)) => match removal.what {
                Removed::Entries(Covered::Keys(_)) => format!("keys {}", removal.written),
                Removed::Entries(Covered::Tags(_)) => format!("tags {}", removal.written),
                Removed::Companion { path, all } => format!("companion {} {all}", path.join("::")),
                Removed::Nothing(why) => why,
            },
            Some(Done::Stores(store)) => {
                format!("stores {} for {}", store.key.shown(), store.ttl.shown())
            }
            Some(Done::Unread(unread)) => unread.what,
        }
    }

    #[test]
    fn every_operation_that_removes_or_stores_is_known() {
        for (source, expected) in [
            ("cache().delete(\"jobs:stats\")", "keys =jobs:stats"),
            ("cache().delete(list::key(7))", "companion list false"),
            ("self.cache.invalidate_prefix(\"jobs:\")", "keys jobs:"),
            ("c.invalidate_prefix(\"jobs:l\")", "keys jobs:l*"),
            (
                "c.invalidate_pattern(\"user:*:roles\")",
                "keys user:*:roles",
            ),
            ("c.invalidate_pattern(r\"#author:7\")", "tags #author:7"),
            (
                "c.invalidate_tag(Tag::of(\"author\").segment(&id))",
                "tags #author:<id>",
            ),
            (
                "c.invalidate_all_tags(&[\"author:7\", \"draft\"])",
                "tags #author:7+#draft",
            ),
            ("cache().clear()", "keys *"),
            ("list_jobs::invalidate(7)", "companion list_jobs false"),
            (
                "jobs::list_jobs::invalidate_all()",
                "companion jobs::list_jobs true",
            ),
            ("list_jobs::refresh(&db, 7)", "companion list_jobs false"),
            (
                "Repo::job_invalidate_all()",
                "companion Repo::job_invalidate_all true",
            ),
            ("repo.job_invalidate(7)", "companion job_invalidate false"),
            ("cache().set(\"a b\", &x, 60)", "stores a%20b for 1m 0s"),
            (
                "cache().get_or_load(\"a\", &ttl::LIST, || load())",
                "stores a for 5m 0s",
            ),
        ] {
            assert_eq!(done(source), expected, "{source}");
        }
        assert!(done("c.invalidate_pattern(\"jobs:?\")").contains("is not supported"));
        let unread = "what `invalidate_pattern(pattern)` removes is not in the source";
        assert_eq!(done("c.invalidate_pattern(&pattern)"), unread);
    }

    #[test]
    fn calls_of_others_are_left_alone() {
        for source in [
            "client.delete(\"https://example.org\")",
            "list.clear()",
            "cell.set(\"a\", 1, 2)",
            "cache.set(\"a\", 1)",
            "cache.delete(\"a\", \"b\")",
            "session.refresh()",
            "invalidate(7)",
            "a.invalidated(7)",
            "cache().get(\"a\")",
        ] {
            assert_eq!(done(source), "nothing", "{source}");
        }
    }
}
