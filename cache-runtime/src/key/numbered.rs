//! Patterns with a number each, and the query whether one that covers a key has a number above a given one.
//!
//! The removals of the ledger and of the journal are stored in this form. A query costs a few hash lookups, whatever
//! the number of patterns: exact texts are looked up whole, prefixes once for each length that occurs. Only globs, and
//! tags that must come together, are tried one by one, the newest first.

use std::collections::{BTreeMap, HashMap};

use crate::key::Pattern;

/// A set of patterns, each with the number of its latest removal.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberedPatterns {
    keys: HashMap<Box<str>, u64>,
    subtrees: HashMap<Box<str>, u64>,
    prefixes: ByLength,
    tags: HashMap<Box<str>, u64>,
    tag_prefixes: ByLength,
    /// Globs, and tags that must come together, by number.
    others: BTreeMap<u64, Vec<Pattern>>,
    /// The numbers of `others`, by their texts.
    numbers_of_others: HashMap<String, u64>,
    largest: u64,
}

/// Prefixes, and how many there are of each length.
#[derive(Clone, Debug, Default)]
struct ByLength {
    numbers: HashMap<Box<str>, u64>,
    lengths: BTreeMap<usize, usize>,
}

impl NumberedPatterns {
    /// Raises a pattern's number to this one; a smaller number changes nothing.
    pub(crate) fn raise(&mut self, pattern: &Pattern, number: u64) {
        self.largest = self.largest.max(number);
        match pattern {
            Pattern::Key(text) => raise(&mut self.keys, text, number),
            Pattern::Subtree(text) => raise(&mut self.subtrees, text, number),
            Pattern::Prefix(text) => self.prefixes.raise(text, number),
            Pattern::Tag(text) => raise(&mut self.tags, text, number),
            Pattern::TagPrefix(text) => self.tag_prefixes.raise(text, number),
            Pattern::Glob(_) | Pattern::AllTags(_) => self.raise_other(pattern, number),
        }
    }

    fn raise_other(&mut self, pattern: &Pattern, number: u64) {
        let text = pattern.to_wire();
        let before = self.numbers_of_others.get(&text).copied();
        if before.is_some_and(|before| before >= number) {
            return;
        }
        if let Some(before) = before {
            self.forget_other(pattern, before);
        }
        self.numbers_of_others.insert(text, number);
        self.others.entry(number).or_default().push(pattern.clone());
    }

    fn forget_other(&mut self, pattern: &Pattern, number: u64) {
        if let Some(at) = self.others.get_mut(&number) {
            at.retain(|other| other != pattern);
            if at.is_empty() {
                self.others.remove(&number);
            }
        }
    }

    /// The number of the pattern.
    pub(crate) fn number_of(&self, pattern: &Pattern) -> Option<u64> {
        match pattern {
            Pattern::Key(text) => self.keys.get(text.as_str()).copied(),
            Pattern::Subtree(text) => self.subtrees.get(text.as_str()).copied(),
            Pattern::Prefix(text) => self.prefixes.numbers.get(text.as_str()).copied(),
            Pattern::Tag(text) => self.tags.get(text.as_str()).copied(),
            Pattern::TagPrefix(text) => self.tag_prefixes.numbers.get(text.as_str()).copied(),
            Pattern::Glob(_) | Pattern::AllTags(_) => {
                self.numbers_of_others.get(&pattern.to_wire()).copied()
            }
        }
    }

    /// Removes a pattern, if its number is at most this one.
    pub(crate) fn remove(&mut self, pattern: &Pattern, up_to: u64) {
        if self.number_of(pattern).is_none_or(|number| number > up_to) {
            return;
        }
        match pattern {
            Pattern::Key(text) => drop(self.keys.remove(text.as_str())),
            Pattern::Subtree(text) => drop(self.subtrees.remove(text.as_str())),
            Pattern::Prefix(text) => self.prefixes.remove(text),
            Pattern::Tag(text) => drop(self.tags.remove(text.as_str())),
            Pattern::TagPrefix(text) => self.tag_prefixes.remove(text),
            Pattern::Glob(_) | Pattern::AllTags(_) => {
                if let Some(number) = self.numbers_of_others.remove(&pattern.to_wire()) {
                    self.forget_other(pattern, number);
                }
            }
        }
    }

    /// Removes every pattern whose number is at most this one.
    pub(crate) fn remove_up_to(&mut self, number: u64) {
        self.keys.retain(|_, at| *at > number);
        self.subtrees.retain(|_, at| *at > number);
        self.prefixes.remove_up_to(number);
        self.tags.retain(|_, at| *at > number);
        self.tag_prefixes.remove_up_to(number);
        self.others = self.others.split_off(&number.saturating_add(1));
        self.numbers_of_others.retain(|_, at| *at > number);
    }

    /// Records a number that the patterns have reached, even if none of them has it any more.
    pub(crate) fn raise_largest(&mut self, number: u64) {
        self.largest = self.largest.max(number);
    }

    /// The largest number that was ever given to a pattern, or passed to [`Self::raise_largest`].
    pub(crate) fn largest(&self) -> u64 {
        self.largest
    }

    /// Whether a pattern that covers the key, or one of the tags, has a larger number than this.
    pub(crate) fn cover_since<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
        number: u64,
    ) -> bool {
        self.largest > number && self.any_covers(key, tags, number, |at| at > number)
    }

    /// Whether a pattern that covers the key, or one of the tags, has a number larger than `number` that meets the
    /// condition.
    pub(crate) fn any_covers<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
        number: u64,
        is_such: impl Fn(u64) -> bool + Copy,
    ) -> bool {
        let newer = |at: Option<&u64>| at.is_some_and(|at| is_such(*at));
        newer(self.keys.get(key))
            || newer(self.subtrees.get(key))
            || (!self.subtrees.is_empty()
                && key
                    .match_indices(':')
                    .any(|(at, _)| newer(self.subtrees.get(&key[..at]))))
            || self.prefixes.any_covers(key, is_such)
            || tags
                .clone()
                .any(|tag| newer(self.tags.get(tag)) || self.tag_prefixes.any_covers(tag, is_such))
            || self.any_other_covers(key, tags, number, is_such)
    }

    fn any_other_covers<'t>(
        &self,
        key: &str,
        tags: impl Iterator<Item = &'t str>,
        number: u64,
        is_such: impl Fn(u64) -> bool,
    ) -> bool {
        if self.others.is_empty() {
            return false;
        }
        let tags: Vec<&str> = tags.collect();
        self.others
            .range(number.saturating_add(1)..)
            .rev()
            .filter(|(at, _)| is_such(**at))
            .any(|(_, patterns)| patterns.iter().any(|other| other.matches(key, &tags)))
    }

    /// Every pattern with its number.
    pub(crate) fn all(&self) -> Vec<(Pattern, u64)> {
        let texts = |of: &HashMap<Box<str>, u64>, make: fn(String) -> Pattern| {
            of.iter()
                .map(|(text, number)| (make(text.to_string()), *number))
                .collect::<Vec<_>>()
        };
        let mut all = texts(&self.keys, Pattern::Key);
        all.extend(texts(&self.subtrees, Pattern::Subtree));
        all.extend(texts(&self.prefixes.numbers, Pattern::Prefix));
        all.extend(texts(&self.tags, Pattern::Tag));
        all.extend(texts(&self.tag_prefixes.numbers, Pattern::TagPrefix));
        for (number, patterns) in &self.others {
            all.extend(patterns.iter().map(|pattern| (pattern.clone(), *number)));
        }
        all
    }

    /// The number of patterns.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
            + self.subtrees.len()
            + self.prefixes.numbers.len()
            + self.tags.len()
            + self.tag_prefixes.numbers.len()
            + self.numbers_of_others.len()
    }
}

impl ByLength {
    fn raise(&mut self, text: &str, number: u64) {
        if !self.numbers.contains_key(text) {
            *self.lengths.entry(text.len()).or_default() += 1;
        }
        raise(&mut self.numbers, text, number);
    }

    fn remove(&mut self, text: &str) {
        if self.numbers.remove(text).is_some() {
            self.one_less(text.len());
        }
    }

    fn one_less(&mut self, length: usize) {
        if let Some(count) = self.lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }

    fn remove_up_to(&mut self, number: u64) {
        let mut gone = Vec::new();
        self.numbers.retain(|text, at| {
            let stays = *at > number;
            if !stays {
                gone.push(text.len());
            }
            stays
        });
        gone.into_iter().for_each(|length| self.one_less(length));
    }

    fn any_covers(&self, text: &str, is_such: impl Fn(u64) -> bool) -> bool {
        self.lengths.range(..=text.len()).any(|(length, _)| {
            text.get(..*length)
                .and_then(|beginning| self.numbers.get(beginning))
                .is_some_and(|at| is_such(*at))
        })
    }
}

fn raise(numbers: &mut HashMap<Box<str>, u64>, text: &str, number: u64) {
    match numbers.get_mut(text) {
        Some(at) => *at = (*at).max(number),
        None => drop(numbers.insert(text.into(), number)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: std::iter::Empty<&str> = std::iter::empty();

    fn numbered(patterns: &[(&str, u64)]) -> NumberedPatterns {
        let mut numbered = NumberedPatterns::default();
        for (text, number) in patterns {
            numbered.raise(&Pattern::parse(text).unwrap(), *number);
        }
        numbered
    }

    #[test]
    fn a_pattern_counts_from_its_own_number_on() {
        let patterns = numbered(&[("jobs:", 5), ("jobs:list", 7), ("*:roles", 9), ("#a:7", 11)]);
        assert!(patterns.cover_since("jobs:stats", NONE, 4));
        assert!(!patterns.cover_since("jobs:stats", NONE, 5));
        assert!(patterns.cover_since("jobs:list:0", NONE, 6));
        assert!(!patterns.cover_since("jobs:listx", NONE, 6));
        assert!(patterns.cover_since("user:1:roles", NONE, 8));
        assert!(!patterns.cover_since("user:1:roles", NONE, 9));
        assert!(patterns.cover_since("x", ["a:7"].into_iter(), 10));
        assert!(!patterns.cover_since("x", ["a:71"].into_iter(), 10));
    }

    #[test]
    fn a_number_never_falls() {
        let patterns = numbered(&[("jobs:", 5), ("jobs:", 3), ("a*b", 5), ("a*b", 2)]);
        assert!(patterns.cover_since("jobs:1", NONE, 4));
        assert!(patterns.cover_since("ab", NONE, 4));
        assert_eq!(patterns.len(), 2);
    }

    #[test]
    fn what_is_removed_covers_no_more() {
        let mut patterns = numbered(&[("jobs:", 5), ("a*b", 6), ("#t", 7), ("=k", 8)]);
        patterns.remove(&Pattern::parse("a*b").unwrap(), 5);
        assert!(patterns.cover_since("ab", NONE, 0), "its number is larger");
        patterns.remove_up_to(7);
        assert_eq!(patterns.len(), 1);
        assert!(!patterns.cover_since("jobs:1", NONE, 0));
        assert!(patterns.cover_since("k", NONE, 0));
        patterns.remove(&Pattern::Key("k".into()), 8);
        assert_eq!(patterns.len(), 0);
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        "[=#]?[ab:é]{1,5}[*]?[ab]?".prop_filter_map("refused", |text| Pattern::parse(&text).ok())
    }

    proptest! {
        /// The result equals that of trying each pattern in turn.
        #[test]
        fn agrees_with_trying_each(
            patterns in proptest::collection::vec((pattern(), 1_u64..9), 0..12),
            removed in proptest::collection::vec(0_usize..12, 0..3),
            floor in 0_u64..4,
            key in "[ab:é]{0,7}", tags in proptest::collection::vec("[ab:é]{1,4}", 0..3), number in 0_u64..9,
        ) {
            let mut numbered = NumberedPatterns::default();
            let mut plain: Vec<(Pattern, u64)> = Vec::new();
            for (pattern, number) in &patterns {
                numbered.raise(pattern, *number);
                match plain.iter_mut().find(|(known, _)| known == pattern) {
                    Some((_, at)) => *at = (*at).max(*number),
                    None => plain.push((pattern.clone(), *number)),
                }
            }
            for at in removed {
                if let Some((pattern, number)) = patterns.get(at) {
                    numbered.remove(pattern, *number);
                    plain.retain(|(known, at)| known != pattern || at > number);
                }
            }
            numbered.remove_up_to(floor);
            plain.retain(|(_, at)| *at > floor);
            let expected = plain.iter().any(|(pattern, at)| *at > number && pattern.matches(&key, &tags));
            prop_assert_eq!(numbered.cover_since(&key, tags.iter().map(String::as_str), number), expected);
            prop_assert_eq!(numbered.len(), plain.len());
            let mut all = numbered.all();
            all.sort_by_key(|(pattern, _)| pattern.to_wire());
            plain.sort_by_key(|(pattern, _)| pattern.to_wire());
            prop_assert_eq!(all, plain);
        }

        #[test]
        fn the_wire_brings_back_just_that_pattern(pattern in pattern()) {
            prop_assert_eq!(Pattern::from_wire(&pattern.to_wire()), Some(pattern));
        }
    }
}
