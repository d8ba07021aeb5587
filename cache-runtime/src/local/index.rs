//! Memory's index: finds the keys that a pattern names, without walking the store. Keys and tags are members of ordered
//! sets, as in the catalogue in Redis.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::key::Pattern;

#[derive(Debug, Default)]
pub(crate) struct Index {
    keys: BTreeSet<Box<str>>,
    /// Tag and key.
    tags: BTreeSet<(Box<str>, Box<str>)>,
    /// Where [`Index::sample`] continues.
    cursor: Box<str>,
}

impl Index {
    pub(super) fn insert(&mut self, key: &str, tags: &[String]) {
        self.keys.insert(key.into());
        for tag in tags {
            self.tags.insert((tag.as_str().into(), key.into()));
        }
    }

    pub(super) fn remove(&mut self, key: &str, tags: &[String]) {
        self.keys.remove(key);
        for tag in tags {
            self.tags.remove(&(tag.as_str().into(), key.into()));
        }
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.tags.clear();
    }

    pub(super) fn matching(&self, pattern: &Pattern) -> Vec<Box<str>> {
        if let Some(prefix) = pattern.scan_prefix() {
            return starting_with(&self.keys, prefix)
                .filter(|key| pattern.matches(key, &[] as &[&str]))
                .cloned()
                .collect();
        }
        if let Pattern::AllTags(all) = pattern {
            let carries = |key: &str, tag: &str| self.tags.contains(&(tag.into(), key.into()));
            let first = all.first().map_or("", String::as_str);
            return self
                .matching(&Pattern::Tag(first.to_owned()))
                .into_iter()
                .filter(|key| all.iter().all(|tag| carries(key, tag)))
                .collect();
        }
        let from = match pattern {
            Pattern::Tag(tag) | Pattern::TagPrefix(tag) => tag.as_str(),
            _ => "",
        };
        let from: (Box<str>, Box<str>) = (from.into(), "".into());
        self.tags
            .range(from..)
            .take_while(|(tag, _)| pattern.matches("", &[&**tag]))
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// The next keys after those of the last call, starting over at the end.
    pub(super) fn sample(&mut self, count: usize) -> Vec<Box<str>> {
        let after = (
            Bound::Excluded(std::mem::take(&mut self.cursor)),
            Bound::Unbounded,
        );
        let keys: Vec<Box<str>> = self.keys.range(after).take(count).cloned().collect();
        if keys.len() == count {
            self.cursor = keys[count - 1].clone();
        }
        keys
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.tags.len()
    }
}

fn starting_with<'a>(
    keys: &'a BTreeSet<Box<str>>,
    prefix: &'a str,
) -> impl Iterator<Item = &'a Box<str>> {
    keys.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .take_while(move |key| key.starts_with(prefix))
}
