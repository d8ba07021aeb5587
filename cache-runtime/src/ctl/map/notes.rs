//! Comments that tell this command what it cannot see: `// cache-map: …` directly above a function.

use crate::ctl::map::text::Text;

/// The content of the comments above one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Tables that the function reads.
    pub(super) reads: Vec<String>,
    /// Tables that the function writes.
    pub(super) writes: Vec<String>,
    /// Findings that are meant to be so.
    pub(super) allows: Vec<Allowed>,
    /// The template of a key that an expression gives.
    pub(super) key: Option<String>,
    /// Tags that an expression gives.
    pub(super) tags: Vec<String>,
    /// Patterns that the function removes in a way that is not seen.
    pub(super) removes: Vec<(String, usize)>,
    /// Comments that say nothing that is understood, each with its line and the reason.
    pub(super) wrong: Vec<(usize, String)>,
}

/// A finding that is silenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Nobody removes what the function stores.
    Unremoved,
    /// The function removes entries that no function here stores.
    Unmatched,
}

impl Notes {
    /// Adds what a line says, if it is such a comment.
    pub(super) fn add(&mut self, line: &str, number: usize) {
        let Some(text) = comment(line) else {
            return;
        };
        if let Err(why) = self.understand(text, number) {
            self.wrong.push((number, why));
        }
    }

    pub(super) fn allows(&self, allowed: Allowed) -> bool {
        self.allows.contains(&allowed)
    }

    fn understand(&mut self, text: &str, number: usize) -> Result<(), String> {
        if let Some(inside) = text.strip_prefix("allow(") {
            return self.allow(inside);
        }
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            "reads" => self.reads.extend(tables(word, rest)?),
            "writes" => self.writes.extend(tables(word, rest)?),
            "key" => {
                list(word, rest)?; // a key may contain a comma, but it is not empty
                let key = rest.trim();
                Text::template(key)?;
                self.key = Some(key.to_owned());
            }
            "tags" => {
                let tags = list(word, rest)?;
                tags.iter()
                    .try_for_each(|tag| Text::template(tag).map(drop))?;
                self.tags.extend(tags);
            }
            "removes" => {
                let patterns = list(word, rest)?.into_iter();
                self.removes.extend(patterns.map(|text| (text, number)));
            }
            _ => return Err(format!("`{word}` is not known; {HOW}")),
        }
        Ok(())
    }

    fn allow(&mut self, inside: &str) -> Result<(), String> {
        let (what, reason) = inside
            .split_once(')')
            .ok_or_else(|| "the `)` after `allow(` is missing".to_owned())?;
        let allowed = match what.trim() {
            "unremoved" => Allowed::Unremoved,
            "unmatched" => Allowed::Unmatched,
            other => {
                return Err(format!(
                    "`allow({other})` is not known; write `allow(unremoved)` or `allow(unmatched)`, and the reason"
                ));
            }
        };
        if !reason.contains(char::is_alphanumeric) {
            return Err(format!(
                "`allow({what})` needs a reason: `// cache-map: allow({what}) changes once a year`"
            ));
        }
        self.allows.push(allowed);
        Ok(())
    }
}

/// Whether a line is such a comment.
pub(super) fn is_note(line: &str) -> bool {
    comment(line).is_some()
}

/// The text after `// cache-map:`.
fn comment(line: &str) -> Option<&str> {
    let text = line.trim().strip_prefix("//")?.trim_start();
    text.strip_prefix("cache-map:").map(str::trim)
}

/// Whether a line holds a comment for this command in a form that is not read: documentation, `/* … */`, or behind code.
/// `is_in_text` says whether a column is within a text.
pub(super) fn is_misplaced(line: &str, is_in_text: impl Fn(usize) -> bool) -> bool {
    if !line.contains("cache-map:") {
        return false;
    }
    let starts = line.match_indices(['/', '*']).map(|(at, _)| at);
    let mut starts = starts.filter(|at| ["//", "/*"].iter().any(|it| line[*at..].starts_with(it)));
    let Some(at) = starts.find(|at| {
        let before = &line[..*at];
        before.trim().is_empty() || !is_in_text(before.chars().count())
    }) else {
        return false;
    };
    let text = line[at..].trim_start_matches(['/', '*', '!']).trim_start();
    text.starts_with("cache-map:") && !is_note(line)
}

fn tables(word: &str, rest: &str) -> Result<Vec<String>, String> {
    let tables = list(word, rest)?;
    match tables
        .iter()
        .find(|table| table.contains(char::is_whitespace))
    {
        Some(table) => Err(format!(
            "`{table}` is no name of a table; several are separated by commas: `{word} jobs, companies`"
        )),
        None => Ok(tables),
    }
}

/// Texts with commas between them.
fn list(word: &str, rest: &str) -> Result<Vec<String>, String> {
    let texts: Vec<String> = (rest.split(','))
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    match texts.is_empty() {
        true => Err(format!("`{word}` names nothing; {HOW}")),
        false => Ok(texts),
    }
}

const HOW: &str = "write `reads jobs, companies`, `writes jobs`, `key jobs:<id>`, `tags author:<id>`, `removes jobs:`, or \
    `allow(unremoved)` with a reason";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notes(lines: &[&str]) -> Notes {
        let mut notes = Notes::default();
        for (at, line) in lines.iter().enumerate() {
            notes.add(line, at + 1);
        }
        notes
    }

    #[test]
    fn every_kind_of_comment_is_understood() {
        let notes = notes(&[
            "    // cache-map: reads jobs, companies",
            "//cache-map: writes größen",
            "// cache-map: allow(unremoved) changes once a year",
            "// cache-map: key employee:<code>",
            "// cache-map: tags author:<id>, all",
            "// cache-map: removes jobs:, #all",
            "// a comment that mentions cache-map: reads nothing",
            "/// cache-map: reads documentation",
        ]);
        assert_eq!(notes.reads, ["jobs", "companies"]);
        assert_eq!(notes.writes, ["größen"]);
        assert!(notes.allows(Allowed::Unremoved) && !notes.allows(Allowed::Unmatched));
        assert_eq!(notes.key.as_deref(), Some("employee:<code>"));
        assert_eq!(notes.tags, ["author:<id>", "all"]);
        assert_eq!(notes.removes, [("jobs:".into(), 6), ("#all".into(), 6)]);
        assert_eq!(notes.wrong, []);
    }

    #[test]
    fn a_slip_is_reported_with_its_line() {
        for (line, why) in [
            ("// cache-map: read jobs", "`read` is not known"),
            ("// cache-map:", "`` is not known"),
            ("// cache-map: reads", "names nothing"),
            ("// cache-map: reads jobs companies", "separated by commas"),
            ("// cache-map: allow(unremoved)", "needs a reason"),
            ("// cache-map: allow(unremoved", "`)`"),
            ("// cache-map: allow(everything) why", "is not known"),
            ("// cache-map: key jobs:<id", "is not closed"),
        ] {
            let notes = notes(&["fn f() {}", line]);
            let [(2, error)] = notes.wrong.as_slice() else {
                panic!("{line}: {notes:?}");
            };
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_comment_in_a_form_that_is_not_read_is_known() {
        for (line, expected) in [
            ("/// cache-map: reads jobs", true),
            ("    //! cache-map: reads jobs", true),
            ("/* cache-map: reads jobs */", true),
            ("/** cache-map: reads jobs */ fn f() {}", true),
            ("fn größe() {} // cache-map: reads jobs", true),
            ("let a = \"//\"; // cache-map: reads jobs", true),
            ("// cache-map: reads jobs", false),
            ("/// Write `// cache-map: reads jobs`.", false),
            ("/// // cache-map: reads jobs", false),
            ("let a = 1; // as `// cache-map: reads jobs`", false),
            ("let a = \"ü// cache-map: reads jobs\";", false),
            ("let a = 8 / 4 * 2;", false),
        ] {
            let quoted = |column| line.chars().take(column).filter(|c| *c == '"').count() % 2 == 1;
            assert_eq!(is_misplaced(line, quoted), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(text in any::<String>(), word in "(allow\\(|reads|key|tags)?[ (),:a-zü]{0,9}") {
            let _ = is_misplaced(&text, |_| false);
            let _ = notes(&[&text, &format!("// cache-map:{word}"), &format!("// cache-map: {text}")]);
        }
    }
}
