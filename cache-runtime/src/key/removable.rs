//! What an expression of `invalidates` may return.

use crate::key::cache_key::CacheKey;
use crate::key::pattern::Pattern;
use crate::key::typed::{KeyPrefix, Tag};

/// Names entries to remove: a key, a prefix, a tag or a pattern, or any number of them.
///
/// A text does not, because a value inside of it could contain a `:` or a `*`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name what to remove",
    label = "expected a `CacheKey`, `KeyPrefix`, `Tag` or `Pattern`, or an `Option` or list of them",
    note = "in place of a text, write `CacheKey::of(\"job\").segment(&id)`, `KeyPrefix::of(\"jobs\")` or `Tag::of(\"author\").segment(&id)`"
)]
pub trait Removable {
    /// Adds the patterns that cover the entries.
    fn add_to(self, patterns: &mut Vec<Pattern>);
}

impl Removable for Pattern {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        patterns.push(self);
    }
}

#[diagnostic::do_not_recommend]
impl Removable for &Pattern {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        patterns.push(self.clone());
    }
}

/// The key and everything below it, as a pattern that is written as text covers both.
#[diagnostic::do_not_recommend]
impl Removable for &CacheKey {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        patterns.push(Pattern::Subtree(self.as_str().to_owned()));
    }
}

impl Removable for CacheKey {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        (&self).add_to(patterns);
    }
}

impl Removable for KeyPrefix {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        patterns.push(self.into());
    }
}

#[diagnostic::do_not_recommend]
impl Removable for &KeyPrefix {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        self.clone().add_to(patterns);
    }
}

impl Removable for Tag {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        patterns.push(self.into());
    }
}

#[diagnostic::do_not_recommend]
impl Removable for &Tag {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        self.clone().add_to(patterns);
    }
}

/// `None` names nothing.
#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item: Removable>> Removable for I {
    fn add_to(self, patterns: &mut Vec<Pattern>) {
        for each in self {
            each.add_to(patterns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: impl Removable) -> Vec<String> {
        let mut patterns = Vec::new();
        names.add_to(&mut patterns);
        patterns.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_that_names_entries_becomes_the_pattern_that_a_text_would_be() {
        let (key, prefix, tag) = (
            CacheKey::of("job").segment(&1),
            KeyPrefix::of("jobs").segment(&1),
            Tag::of("author").segment("a:b"),
        );
        assert_eq!(named(&key), ["job:1"]);
        assert_eq!(named(key), ["job:1"]);
        assert_eq!(named(&prefix), ["jobs:1:"]);
        assert_eq!(named(Some(prefix)), ["jobs:1:"]);
        assert_eq!(named([&tag]), ["#author:a%3Ab"]);
        assert_eq!(named(vec![Some(tag), None]), ["#author:a%3Ab"]);
        assert_eq!(named(&[Pattern::all()]), ["*"]);
        assert_eq!(named(None::<CacheKey>), [""; 0]);
        let each = (1..3).map(|id| (id > 1).then(|| CacheKey::of("job").segment(&id)));
        assert_eq!(named(each), ["job:2"]);
    }
}
