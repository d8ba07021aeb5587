//! Keys whose source has failed, and for which an older value may be served.
//!
//! Until the next attempt is due, callers get that value without asking the source, as in FusionCache's fail-safe
//! throttling. Otherwise a source that hangs would cost each caller its time-out. Then one call asks the source, while
//! the others still get the older value.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

/// Keys that are remembered. A forgotten one costs an attempt.
const KEYS: usize = 16_384;

#[derive(Debug)]
pub(crate) struct Failing {
    /// When each was tried last, in milliseconds since `origin`.
    keys: Cache<u64, Arc<AtomicU64>>,
    hasher: RandomState,
    origin: Instant,
}

impl Failing {
    pub(crate) fn new() -> Self {
        Self {
            keys: Cache::new(KEYS),
            hasher: RandomState::new(),
            origin: Instant::now(),
        }
    }

    /// True if the source may be asked. If it has failed, only one call per `retry` gets `true`.
    pub(crate) fn may_try(&self, key: &str, retry: Duration) -> bool {
        let Some(tried) = self.keys.get(&self.hasher.hash_one(key)) else {
            return true;
        };
        let (now, last) = (self.now(), tried.load(Relaxed));
        let is_due = Duration::from_millis(now.saturating_sub(last)) >= retry;
        is_due && tried.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
    }

    /// The source has failed, or took too long.
    pub(crate) fn failed(&self, key: &str) {
        let (key, now) = (self.hasher.hash_one(key), self.now());
        match self.keys.get(&key) {
            Some(tried) => tried.store(now, Relaxed),
            None => self.keys.insert(key, Arc::new(AtomicU64::new(now))),
        }
    }

    /// The source has answered.
    pub(crate) fn succeeded(&self, key: &str) {
        let key = self.hasher.hash_one(key);
        if self.keys.peek(&key).is_some() {
            self.keys.remove(&key);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_one_attempt_is_made_at_a_time() {
        let failing = Failing::new();
        assert!(failing.may_try("a", RETRY) && failing.may_try("a", RETRY));
        failing.failed("a");
        assert!(!failing.may_try("a", RETRY));
        assert!(failing.may_try("b", RETRY), "another key");
        tokio::time::advance(RETRY).await;
        assert!(failing.may_try("a", RETRY));
        assert!(!failing.may_try("a", RETRY), "one is under way");
        tokio::time::advance(RETRY).await;
        assert!(failing.may_try("a", RETRY), "and lost");
        failing.succeeded("a");
        assert!(failing.may_try("a", RETRY) && failing.may_try("a", RETRY));
    }
}
