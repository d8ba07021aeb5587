//! Counters: atomics inside, a plain snapshot outside.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts of one cache, or of one cached function, since the start of the process.
        ///
        /// A call counts once among `memory_hits`, `redis_hits`, `coalesced`, `misses` and `bypasses`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct CacheStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) const fn new() -> Self {
                Self { $($name: AtomicU64::new(0),)* }
            }

            pub(crate) fn snapshot(&self) -> CacheStats {
                CacheStats { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Answered by the memory tier.
    memory_hits,
    /// Answered by Redis.
    redis_hits,
    /// Of both, answered with a value past its lifetime, as options allow.
    stale_hits,
    /// Of the stale hits, those that memory answered at once.
    stale_memory_hits,
    /// Of the stale hits, those in place of a body that failed or was slow; the body counts as a miss besides.
    stale_on_error_hits,
    /// Answered by a load that another call of this process had under way.
    coalesced,
    /// The body ran.
    misses,
    /// The body ran because the call could not use the cache at all: a key that cannot be rendered, a foreign value at
    /// the key.
    bypasses,
    /// Loads behind a caller's back, of values that were stale or about to be.
    refreshes,
    /// Calls that gave up on their body (`timeout`) or stopped waiting for it (`soft_timeout`).
    timed_out,
    /// Bodies that ran, of reads, refreshes and writes, also those that failed or were given up.
    loads,
    /// How long those ran together, in microseconds.
    load_micros,
    /// Loads that failed (`Err`), of all that ran.
    load_failures,
    /// Values stored in Redis.
    stores,
    /// Values not stored because the key was removed while they were loaded, or the lease could not be kept.
    stores_lost,
    /// Values too large for `CACHE_MAX_VALUE_BYTES`, or that the codec refused.
    stores_refused,
    /// Entries in Redis that could not be used: another version of the type, another template, another server run,
    /// damaged.
    unusable,
    /// Keys that hold something that is not ours; left alone.
    foreign,
    /// Calls of this process that waited for another process's load.
    waits,
    /// Removals asked for.
    invalidations,
    /// Entries that removals took out of Redis.
    removed,
    /// Removals that had to be journalled.
    queued,
    /// Times that Redis has lost the ledger of removals, by eviction or by hand: everything was cold then.
    ledger_losses,
    /// Times that removals were folded into fewer, because the ledger held more than its bound.
    ledger_folds,
    /// Redis operations that timed out.
    timeouts,
    /// Redis operations that met a broken connection.
    disconnects,
    /// Redis operations that the server refused.
    refusals,
    /// Background work that was dropped because too much was under way.
    shed,
}

impl CacheStats {
    /// Calls that a tier answered.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.memory_hits + self.redis_hits
    }

    /// Hits in percent of hits and misses; 0 before the first call.
    #[must_use]
    pub fn hit_rate_percent(&self) -> f64 {
        let asked = self.hits() + self.coalesced + self.misses + self.bypasses;
        if asked == 0 {
            return 0.0;
        }
        let percent = (self.hits() + self.coalesced) as f64 * 100.0 / asked as f64;
        (percent * 100.0).round() / 100.0
    }

    /// How long a body runs, on average; `None` before the first one has ended.
    #[must_use]
    pub fn mean_load(&self) -> Option<Duration> {
        self.load_micros
            .checked_div(self.loads)
            .map(Duration::from_micros)
    }
}

/// What programs do by hand ([`crate::Cache::get`] and its like), of all caches of this process: for the figures by function.
pub(crate) static BY_HAND: Counters = Counters::new();

/// Counts in two places at once: the cache's own totals and the function's.
pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Counts several at once.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_rate_is_of_all_calls_and_rounded() {
        let stats = CacheStats {
            memory_hits: 1000,
            redis_hits: 500,
            misses: 300,
            ..CacheStats::default()
        };
        assert_eq!(stats.hit_rate_percent(), 83.33);
        assert_eq!(CacheStats::default().hit_rate_percent(), 0.0);
    }

    #[test]
    fn there_is_no_mean_of_no_loads() {
        let stats = CacheStats {
            loads: 4,
            load_micros: 10_000,
            ..CacheStats::default()
        };
        assert_eq!(stats.mean_load(), Some(Duration::from_micros(2_500)));
        assert_eq!(CacheStats::default().mean_load(), None);
    }
}
