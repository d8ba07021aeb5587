//! Seeded choices. SplitMix64: its quality is plenty here, and a seed can be replayed without a dependency's word for it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A source of choices that several tasks may share.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Another source, which goes its own way.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.next())
    }

    pub(crate) fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut bits = self.0.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below the bound.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&self, cases: u64) -> bool {
        self.below(100) < cases
    }

    /// A time between two, in milliseconds.
    pub(crate) fn millis(&self, (from, to): (u64, u64)) -> Duration {
        let micros = (from * 1_000) + self.below((to.max(from) - from) * 1_000 + 1);
        Duration::from_micros(micros)
    }

    /// One of several, each as likely as its weight says; `None` if nothing weighs anything.
    pub(crate) fn weighted<T: Copy>(&self, choices: &[(T, u64)]) -> Option<T> {
        let mut left = self.below(choices.iter().map(|(_, weight)| weight).sum());
        for &(choice, weight) in choices {
            if left < weight {
                return Some(choice);
            }
            left -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_replays() {
        let draw = |seed| -> Vec<u64> {
            std::iter::repeat_with({
                let random = Random::new(seed);
                move || random.next()
            })
            .take(4)
            .collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn weights_of_nought_are_never_chosen() {
        let random = Random::new(1);
        for _ in 0..100 {
            assert_eq!(random.weighted(&[('a', 0), ('b', 3)]), Some('b'));
        }
        assert_eq!(random.weighted::<char>(&[('a', 0)]), None);
    }
}
