//! Keys whose loads bear no fruit: three results in a row that are not stored, and the next loads go without a lease for
//! a second. Planting and releasing for an id that does not exist would be two commands for nothing.
//!
//! The table is bounded and holds keys one by one, by a hash that outsiders cannot foretell. Whoever asks for thousands of
//! ids that do not exist makes it forget others, which costs their next loads two commands each; it cannot make a key look
//! barren that is not.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

/// Keys that are remembered: some 32 bytes each.
const KEYS: usize = 16_384;

/// Fruitless loads in a row.
const PATIENCE: u8 = 3;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Backoff {
    keys: Cache<u64, Loads>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Loads {
    failed: u8,
    last: Instant,
}

impl Loads {
    fn are_paused(self) -> bool {
        self.failed == PATIENCE && self.last.elapsed() < PAUSE
    }
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self {
            keys: Cache::new(KEYS),
            hasher: RandomState::new(),
        }
    }

    /// This key's loads go without a lease for now.
    pub(crate) fn is(&self, key: &str) -> bool {
        let loads = self.keys.get(&self.hasher.hash_one(key));
        loads.is_some_and(Loads::are_paused)
    }

    /// A load gave nothing to store.
    pub(crate) fn failed(&self, key: &str) {
        let key = self.hasher.hash_one(key);
        let before = self.keys.get(&key);
        if before.is_some_and(Loads::are_paused) {
            return;
        }
        // After a pause the key is tried once more, and given up at once if that bears nothing either.
        let count = before.map_or(0, |loads| loads.failed.min(PATIENCE - 1));
        let loads = Loads {
            failed: count + 1,
            last: Instant::now(),
        };
        self.keys.insert(key, loads);
    }

    /// A load gave a value.
    pub(crate) fn succeeded(&self, key: &str) {
        let key = self.hasher.hash_one(key);
        if self.keys.peek(&key).is_some() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_in_a_row_and_then_a_pause() {
        let barren = Backoff::new();
        for _ in 0..3 {
            assert!(!barren.is("a"));
            barren.failed("a");
        }
        assert!(barren.is("a"));
        tokio::time::advance(PAUSE).await;
        assert!(!barren.is("a"), "tried once more");
        barren.failed("a");
        assert!(barren.is("a"), "and given up at once");
        barren.succeeded("a");
        assert!(!barren.is("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_cannot_make_a_key_look_barren() {
        let barren = Backoff::new();
        for id in 0..100_000 {
            for _ in 0..PATIENCE {
                barren.failed(&format!("absent:{id}"));
            }
        }
        let wrong = (0..10_000).filter(|id| barren.is(&format!("good:{id}")));
        assert_eq!(wrong.count(), 0);
        assert!(barren.keys.len() <= KEYS, "{}", barren.keys.len());
        assert!(barren.is("absent:99999"), "of those it remembers some");
    }
}
