//! The counters of a cache: atomics, and a snapshot of them as plain numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use crate::telemetry::histogram::Histogram;
use crate::telemetry::striped::Striped;

macro_rules! counters {
    ($(#[$striped_doc:meta])* striped $striped:ident, $($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of one cache, or of one cached function, since the start of the process.
        ///
        /// Each call is counted in exactly one of `memory_hits`, `redis_hits`, `coalesced`, `misses` and `bypasses`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct CacheStats {
            $(#[$striped_doc])* pub $striped: u64,
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug)]
        pub(crate) struct Counters {
            pub(crate) $striped: Striped,
            $(pub(crate) $name: AtomicU64,)*
            /// How long bodies ran.
            pub(crate) load_times: Histogram,
        }

        impl Counters {
            pub(crate) const fn new() -> Self {
                Self {
                    $striped: Striped::new(),
                    $($name: AtomicU64::new(0),)*
                    load_times: Histogram::new(),
                }
            }

            pub(crate) fn snapshot(&self) -> CacheStats {
                CacheStats {
                    $striped: self.$striped.sum(),
                    $($name: self.$name.load(Relaxed),)*
                }
            }
        }
    };
}

counters! {
    /// Calls answered from memory.
    striped memory_hits,
    /// Calls answered from Redis.
    redis_hits,
    /// Those hits, in memory or Redis, whose value was past its TTL, as options allow.
    stale_hits,
    /// The stale hits that memory answered at once.
    stale_memory_hits,
    /// The stale hits served because a body failed or was slow; the body counts as a miss as well.
    stale_on_error_hits,
    /// Calls answered by a load that another call of this process had started.
    coalesced,
    /// Calls whose body ran.
    misses,
    /// Calls whose body ran because they could not use the cache: the key cannot be rendered, or holds a value that is
    /// not an entry of this cache, or the cache is switched off.
    bypasses,
    /// Calls in shadow mode for which the cache had a value. Each counts as a bypass as well.
    shadow_hits,
    /// Values in the cache that were compared with what the body returned (`verify`, `shadow`).
    compared,
    /// The compared values that differed, and that nobody had removed a second later.
    mismatches,
    /// Background loads of values that were stale or about to be.
    refreshes,
    /// Calls that gave up on their body (`timeout`) or stopped waiting for it (`soft_timeout`).
    timed_out,
    /// Bodies that ran, for reads, refreshes and writes, including those that failed or were abandoned.
    loads,
    /// The total run time of those bodies, in microseconds.
    load_micros,
    /// Loads, among those that ran, that failed (`Err`).
    load_failures,
    /// Values stored in Redis.
    stores,
    /// Values not stored because the key was removed during the load, or because the lease was lost.
    stores_lost,
    /// Values not stored because they are larger than `CACHE_MAX_VALUE_BYTES`, or cannot be encoded.
    stores_refused,
    /// Entries in Redis that could not be used: they belong to another version of the type, to another template or to
    /// another run of the server, or are damaged.
    unusable,
    /// Keys that hold something that is not an entry of this cache; they are left alone.
    foreign,
    /// Calls of this process that waited for another process's load.
    waits,
    /// Removals requested.
    invalidations,
    /// Entries that removals deleted from Redis.
    removed,
    /// Removals that were journalled.
    queued,
    /// How often Redis lost the ledger of removals, by eviction or by hand. All entries become unusable then.
    ledger_losses,
    /// How often removals were merged into fewer, because the ledger was larger than its bound.
    ledger_folds,
    /// Redis operations that timed out.
    timeouts,
    /// Redis operations that failed because the connection was broken.
    disconnects,
    /// Redis operations that the server refused.
    refusals,
    /// Background work that was dropped because too much of it was under way.
    shed,
}

impl CacheStats {
    /// Calls answered from memory or Redis.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.memory_hits + self.redis_hits
    }

    /// Hits, including coalesced calls, as a percentage of all calls; 0 before the first call.
    #[must_use]
    pub fn hit_rate_percent(&self) -> f64 {
        let asked = self.hits() + self.coalesced + self.misses + self.bypasses;
        if asked == 0 {
            return 0.0;
        }
        let percent = (self.hits() + self.coalesced) as f64 * 100.0 / asked as f64;
        (percent * 100.0).round() / 100.0
    }

    /// The mean run time of a body; `None` before the first one has ended.
    #[must_use]
    pub fn mean_load(&self) -> Option<Duration> {
        self.load_micros
            .checked_div(self.loads)
            .map(Duration::from_micros)
    }
}

/// The counters of manual operations ([`crate::Cache::get`] and the like) of all caches in this process, for the
/// statistics by function.
pub(crate) static BY_HAND: Counters = Counters::new();

/// Adds one to a counter.
pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds a number to a counter.
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
