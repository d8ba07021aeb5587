//! Keys whose loads store nothing. After three such loads in a row, the next loads of the key take no lease for a
//! second: for an id that does not exist, planting and releasing a lease would be two useless commands.
//!
//! The table is bounded and holds each key by a hash that outsiders cannot predict. Requests for thousands of ids that
//! do not exist make it forget other keys, which costs the next loads of those two commands each. They cannot make it
//! pause a key whose loads do store values.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

/// Keys that are remembered: some 32 bytes each.
const KEYS: usize = 16_384;

/// How many loads in a row store nothing before the pause.
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

    /// True if this key's loads take no lease for now.
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
        // After a pause the key is tried once more. If that load stores nothing either, the key is paused again at
        // once.
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
