//! Patterns by the caches that they are of, each once.

use std::collections::HashSet;

use crate::cache::Cache;
use crate::key::Pattern;

/// How many patterns one removal makes at most, so that it ends within its budget.
pub(super) const AT_ONCE: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Noted(Vec<(Cache, HashSet<Pattern>)>);

impl Noted {
    pub(super) fn add(&mut self, cache: &Cache, patterns: impl IntoIterator<Item = Pattern>) {
        let at = self.0.iter().position(|(of, _)| of.is(cache));
        let at = at.unwrap_or_else(|| {
            self.0.push((cache.clone(), HashSet::new()));
            self.0.len() - 1
        });
        self.0[at].1.extend(patterns);
    }

    /// Replaces the patterns of a cache by one that covers everything, if there are more than `most`.
    pub(super) fn limit(&mut self, most: usize) {
        for (_, patterns) in &mut self.0 {
            if patterns.len() > most {
                *patterns = HashSet::from([Pattern::all()]);
            }
        }
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        for (cache, patterns) in &others.0 {
            self.add(cache, patterns.iter().cloned());
        }
    }

    /// Whether `covers` recognizes one of the patterns of the cache.
    pub(super) fn any(&self, cache: &Cache, covers: &impl Fn(&Pattern) -> bool) -> bool {
        let mut of_cache = self.0.iter().filter(|(of, _)| of.is(cache));
        of_cache.any(|(_, patterns)| patterns.iter().any(covers))
    }

    /// The patterns of all caches, at most so many in one removal.
    pub(super) fn into_removals(self, at_once: usize) -> Vec<(Cache, Vec<Pattern>)> {
        let mut removals = Vec::new();
        for (cache, patterns) in self.0 {
            let patterns: Vec<Pattern> = patterns.into_iter().collect();
            let chunks = patterns.chunks(at_once);
            removals.extend(chunks.map(|patterns| (cache.clone(), patterns.to_vec())));
        }
        removals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_kept_once_by_cache_and_too_many_become_everything() {
        let (one, other) = (Cache::disabled(), Cache::disabled());
        let mut noted = Noted::default();
        let key = |number: usize| Pattern::parse(&format!("key:{number}")).unwrap();
        for _ in 0..2 {
            noted.add(&one, [key(1), key(2)]);
        }
        noted.add(&other, [key(3)]);
        let is = |number: usize| move |pattern: &Pattern| *pattern == key(number);
        assert!(noted.any(&one, &is(1)) && !noted.any(&other, &is(1)));
        noted.limit(2);
        assert!(noted.any(&one, &is(1)));
        noted.add(&one, [key(4)]);
        noted.limit(2);
        assert!(noted.any(&one, &Pattern::is_clear) && !noted.any(&other, &Pattern::is_clear));
        let mut all = Noted::default();
        all.add_all(&noted);
        all.add(&other, [key(5), key(6)]);
        let removals = all.into_removals(2);
        let lengths: Vec<usize> = removals
            .iter()
            .map(|(_, patterns)| patterns.len())
            .collect();
        assert_eq!(lengths, [1, 2, 1]);
    }
}
