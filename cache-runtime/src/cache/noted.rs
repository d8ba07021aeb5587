//! Patterns by the caches that they are of: what was removed or changed inside of a writer's body.

use std::collections::HashSet;

use crate::cache::Cache;
use crate::key::Pattern;

/// More different patterns of one cache than this are taken for everything, so that a body that never ends takes no more
/// and more memory.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Noted(Vec<(Cache, HashSet<Pattern>)>);

impl Noted {
    pub(super) fn add(&mut self, cache: &Cache, patterns: impl IntoIterator<Item = Pattern>) {
        let at = self.0.iter().position(|(of, _)| of.is(cache));
        let at = at.unwrap_or_else(|| {
            self.0.push((cache.clone(), HashSet::new()));
            self.0.len() - 1
        });
        let noted = &mut self.0[at].1;
        noted.extend(patterns);
        if noted.len() > MOST {
            *noted = HashSet::from([Pattern::all()]);
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

    /// The patterns of all caches.
    pub(super) fn into_removals(self) -> Vec<(Cache, Vec<Pattern>)> {
        let removal = |(cache, patterns): (Cache, HashSet<Pattern>)| {
            let patterns = patterns.into_iter().collect();
            (cache, patterns)
        };
        self.0.into_iter().map(removal).collect()
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
        noted.add(&one, (0..=MOST).map(key));
        assert!(noted.any(&one, &Pattern::is_clear) && !noted.any(&other, &Pattern::is_clear));
        let mut all = Noted::default();
        all.add_all(&noted);
        let removals = all.into_removals();
        let lengths: Vec<usize> = removals
            .iter()
            .map(|(_, patterns)| patterns.len())
            .collect();
        assert_eq!(lengths, [1, 1]);
    }
}
