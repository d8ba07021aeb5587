//! Which texts a key, a tag or a pattern can be, and whether two of them have a text in common.
//!
//! The source shows the text of a template, and not the values at its placeholders. So a template is the set of all texts
//! that it can become. A removal may concern an entry if the two sets have a text in common.

use crate::key::Pattern;

/// Stands for one value: at least one character, and none of them a `:`, because values are escaped. The character is
/// one that Unicode reserves for private use, which keys, tags and patterns keep as it is.
pub(super) const VALUE: char = '\u{e000}';

/// Stands for a whole number, which is a value without letters.
pub(super) const NUMBER: char = '\u{e002}';

/// Stands for any text, also for the empty one.
pub(super) const ANY: char = '\u{e001}';

/// All of them.
pub(super) const MARKS: [char; 3] = [VALUE, NUMBER, ANY];

/// A text longer than this counts as one that begins alike, so that comparing two takes a bounded time.
const LONGEST: usize = 2_000;

/// A set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    atoms: Vec<Atom>,
}

/// One step of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atom {
    Char(char),
    Value,
    Number,
    Any,
    /// A `:`, and the step after it; or neither.
    Below,
}

/// The characters that a step can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    One(char),
    NoColon,
    /// And no colon.
    NoLetter,
    Every,
}

impl Shape {
    /// A text in which [`MARKS`] stand for values and texts.
    pub(super) fn of(marked: &str) -> Self {
        let mut atoms: Vec<Atom> = marked.chars().take(LONGEST).map(Atom::of).collect();
        if marked.chars().nth(LONGEST).is_some() {
            atoms.push(Atom::Any);
        }
        Self { atoms }
    }

    /// The same texts, and all that continue one of them with a `:`.
    pub(super) fn or_below(mut self) -> Self {
        self.atoms.extend([Atom::Below, Atom::Any]);
        self
    }

    /// The same texts, and all that begin with one of them.
    fn or_longer(mut self) -> Self {
        self.atoms.push(Atom::Any);
        self
    }

    /// Whether it contains every text.
    pub(super) fn is_everything(&self) -> bool {
        !self.atoms.is_empty() && self.atoms.iter().all(|atom| *atom == Atom::Any)
    }

    /// Whether a text is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let (width, height) = (self.atoms.len() + 1, other.atoms.len() + 1);
        let mut seen = vec![false; width * height];
        let mut next = vec![(0, 0)];
        while let Some((a, b)) = next.pop() {
            let at = a * height + b;
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            if a + 1 == width && b + 1 == height {
                return true;
            }
            next.extend(self.past(a).map(|a| (a, b)));
            next.extend(other.past(b).map(|b| (a, b)));
            for (one, a) in self.steps(a) {
                let both = other.steps(b).filter(|(two, _)| one.meets(*two));
                next.extend(both.map(|(_, b)| (a, b)));
            }
        }
        false
    }

    /// Where the text can go on from here without a character.
    fn past(&self, at: usize) -> Option<usize> {
        match self.atoms.get(at)? {
            Atom::Any => Some(at + 1),
            Atom::Below => Some(at + 2),
            Atom::Char(_) | Atom::Value | Atom::Number => None,
        }
    }

    /// The characters that can come here, and where the text goes on after one.
    fn steps(&self, at: usize) -> impl Iterator<Item = (Taken, usize)> {
        let (once, again) = match self.atoms.get(at) {
            Some(Atom::Char(c)) => (Some((Taken::One(*c), at + 1)), None),
            Some(Atom::Value) => (Some((Taken::NoColon, at + 1)), Some((Taken::NoColon, at))),
            Some(Atom::Number) => (Some((Taken::NoLetter, at + 1)), Some((Taken::NoLetter, at))),
            Some(Atom::Any) => (None, Some((Taken::Every, at))),
            Some(Atom::Below) => (Some((Taken::One(':'), at + 1)), None),
            None => (None, None),
        };
        once.into_iter().chain(again)
    }
}

impl Atom {
    fn of(c: char) -> Self {
        match c {
            VALUE => Self::Value,
            NUMBER => Self::Number,
            ANY => Self::Any,
            c => Self::Char(c),
        }
    }
}

impl Taken {
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(a), Self::One(b)) => a == b,
            (Self::One(c), Self::NoColon) | (Self::NoColon, Self::One(c)) => c != ':',
            (Self::One(c), Self::NoLetter) | (Self::NoLetter, Self::One(c)) => {
                c != ':' && !c.is_alphabetic()
            }
            _ => true,
        }
    }
}

/// The entries that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Covered {
    /// Entries with such a key.
    Keys(Shape),
    /// Entries with a tag of each of these shapes.
    Tags(Vec<Shape>),
}

impl Covered {
    /// The entries that the pattern covers, for any values at its placeholders.
    pub(super) fn of(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Key(text) => Self::Keys(Shape::of(text)),
            Pattern::Subtree(text) => Self::Keys(Shape::of(text).or_below()),
            Pattern::Prefix(text) => Self::Keys(Shape::of(text).or_longer()),
            Pattern::Glob(glob) => {
                let text = glob.to_string().replace('*', &ANY.to_string());
                Self::Keys(Shape::of(&text))
            }
            Pattern::Tag(text) => Self::Tags(vec![Shape::of(text)]),
            Pattern::TagPrefix(text) => Self::Tags(vec![Shape::of(text).or_longer()]),
            Pattern::AllTags(all) => Self::Tags(all.iter().map(|tag| Shape::of(tag)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(pattern: &str) -> Shape {
        let marked = pattern.replace("<>", &VALUE.to_string());
        match Covered::of(&Pattern::parse(&marked).unwrap()) {
            Covered::Keys(shape) => shape,
            Covered::Tags(tags) => tags[0].clone(),
        }
    }

    fn key(template: &str) -> Shape {
        Shape::of(&template.replace("<>", &VALUE.to_string()))
    }

    #[test]
    fn patterns_meet_the_keys_that_they_may_remove() {
        for (pattern, template) in [
            ("jobs:", "jobs:list:<>:<>"),
            ("jobs:list:<>", "jobs:list:<>:<>"),
            ("jobs", "jobs"),
            ("jobs", "jobs:<>"),
            ("*:roles", "user:<>:roles"),
            ("user:*:", "user:<>:roles"),
            ("=job:7", "job:<>"),
            ("job:<>", "job:latest"),
            ("p<>:pp*", "p<>:pp<>"),
            ("*", ""),
            ("größe:<>", "größe:東京"),
            ("jobs:*", "<>:list"),
        ] {
            assert!(keys(pattern).meets(&key(template)), "{pattern} {template}");
            assert!(key(template).meets(&keys(pattern)), "{template} {pattern}");
        }
    }

    #[test]
    fn patterns_miss_the_keys_that_they_cannot_remove() {
        for (pattern, template) in [
            ("job:", "jobs:list:<>:<>"),
            ("jobs:list:", "jobs:<>"), // no value contains a `:`
            ("jobs:list", "jobs:lists:<>"),
            ("*:roles", "user:<>:roles:more"),
            ("=job:7", "job:<>:title"),
            ("job:<>", "job:"), // no value is empty
            ("jobs:", "users:<>"),
        ] {
            assert!(!keys(pattern).meets(&key(template)), "{pattern} {template}");
        }
        assert!(keys("*").is_everything() && !keys("*a*").is_everything());
    }

    #[test]
    fn a_number_is_no_word() {
        let number = Shape::of(&format!("user:{NUMBER}"));
        for (pattern, meets) in [
            ("user:", true),
            ("user:<>", true),
            ("user:-7", true),
            ("*:7", true),
            ("*:roles", false),
            ("user:list", false),
            ("user:7:roles", false),
        ] {
            assert_eq!(number.meets(&keys(pattern)), meets, "{pattern}");
        }
        assert!(number.meets(&number));
    }

    #[test]
    fn a_text_that_is_too_long_counts_as_one_that_begins_alike() {
        let long = "a".repeat(3 * LONGEST);
        assert!(key(&long).meets(&key(&format!("{}b", "a".repeat(LONGEST)))));
        assert!(!key(&long).meets(&key("ab")));
    }

    proptest! {
        #[test]
        fn without_placeholders_it_agrees_with_the_patterns_of_the_library(
            text in "[a-c:*#=]{1,9}",
            entry in "[a-c:]{0,9}",
        ) {
            if let Ok(pattern) = Pattern::parse(&text) {
                let (expected, met) = match Covered::of(&pattern) {
                    Covered::Keys(shape) => (
                        pattern.matches(&entry, &[] as &[&str]),
                        shape.meets(&Shape::of(&entry)),
                    ),
                    Covered::Tags(all) => (
                        pattern.matches("", &[&entry]),
                        all.iter().all(|tag| tag.meets(&Shape::of(&entry))),
                    ),
                };
                prop_assert_eq!(expected, met, "{} {}", text, entry);
            }
        }

        #[test]
        fn a_value_in_a_pattern_removes_the_entry_of_that_value(value in "[a-zü0-9 %:*<>]{0,8}") {
            let rendered = crate::key::CacheKey::of("user").segment(&value);
            let shape = Shape::of(rendered.as_str());
            prop_assert!(keys("user:<>").meets(&shape), "{}", rendered);
            prop_assert!(key("user:<>").meets(&shape), "{}", rendered);
        }
    }
}
