//! What is counted between two samples, and what stands at a sample.

use std::time::Duration;

use crate::telemetry::history::{Stretch, Times};
use crate::telemetry::stats::CacheStats;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal = $of:expr;)*) => {
        /// What is counted over time.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            pub(crate) const ALL: [Self; COUNTS] = [$(Self::$kind,)*];

            /// Its name in the JSON answers.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            fn of(self, stats: &CacheStats) -> u64 {
                let of: fn(&CacheStats) -> u64 = match self { $(Self::$kind => $of,)* };
                of(stats)
            }
        }

        const COUNTS: usize = [$($name,)*].len();
    };
}

kinds! {
    /// Calls that memory answered with a fresh value.
    MemoryHits "memory_hits" = |stats| stats.memory_hits.saturating_sub(stats.stale_memory_hits);
    /// Calls that Redis answered with a fresh value.
    RedisHits "redis_hits" = |stats| {
        let stale = stats.stale_hits.saturating_sub(stats.stale_on_error_hits);
        stats.redis_hits.saturating_sub(stale.saturating_sub(stats.stale_memory_hits))
    };
    /// Calls answered with a value past its TTL, without waiting for a body.
    Stale "stale" = |stats| stats.stale_hits.saturating_sub(stats.stale_on_error_hits);
    /// Calls answered by the load of another call.
    Coalesced "coalesced" = |stats| stats.coalesced;
    /// Calls whose body ran.
    Misses "misses" = |stats| stats.misses;
    /// Calls that could not use the cache.
    Bypasses "bypasses" = |stats| stats.bypasses;
    /// Bodies that ran.
    Loads "loads" = |stats| stats.loads;
    /// Their run time.
    LoadMicros "load_micros" = |stats| stats.load_micros;
    /// Bodies that failed.
    LoadFailures "load_failures" = |stats| stats.load_failures;
    /// Loads in the background.
    Refreshes "refreshes" = |stats| stats.refreshes;
    /// Values stored in Redis.
    Stores "stores" = |stats| stats.stores;
    /// Removals.
    Invalidations "invalidations" = |stats| stats.invalidations;
    /// Entries that removals deleted.
    Removed "removed" = |stats| stats.removed;
    /// Operations of Redis that failed or were not answered in time.
    RedisErrors "redis_errors" = |stats| stats.timeouts + stats.disconnects + stats.refusals;
}

/// What was counted in some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    counts: [u64; COUNTS],
    /// How long bodies ran.
    pub(crate) loads: Times,
    /// How long operations of Redis took.
    pub(crate) redis: Times,
}

impl Figures {
    pub(crate) fn new(stats: &CacheStats, loads: Times, redis: Times) -> Self {
        Self {
            counts: Kind::ALL.map(|kind| kind.of(stats)),
            loads,
            redis,
        }
    }

    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// Hits in memory and Redis, stale values, and calls that shared a load.
    pub(crate) fn hits(&self) -> u64 {
        let kinds = [
            Kind::MemoryHits,
            Kind::RedisHits,
            Kind::Stale,
            Kind::Coalesced,
        ];
        kinds.map(|kind| self.of(kind)).iter().sum()
    }

    /// All calls.
    pub(crate) fn calls(&self) -> u64 {
        self.hits() + self.of(Kind::Misses) + self.of(Kind::Bypasses)
    }

    /// Hits as a percentage of all calls; `None` without calls.
    pub(crate) fn hit_rate_percent(&self) -> Option<f64> {
        let calls = self.calls();
        (calls > 0).then(|| (self.hits() as f64 * 10_000.0 / calls as f64).round() / 100.0)
    }

    /// The mean run time of a body; `None` if none has ended.
    pub(crate) fn mean_load(&self) -> Option<Duration> {
        let micros = self
            .of(Kind::LoadMicros)
            .checked_div(self.of(Kind::Loads))?;
        Some(Duration::from_micros(micros))
    }

    /// True if nothing was counted.
    pub(crate) fn are_zero(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
            && self.loads.count() == 0
            && self.redis.count() == 0
    }

    /// What was counted since an earlier sample. Two counters are not read at the same moment, so a difference between
    /// them may shrink for a moment; that counts as nothing.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, earlier) in counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(earlier);
        }
        Self {
            counts,
            loads: self.loads.since(&earlier.loads),
            redis: self.redis.since(&earlier.redis),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        self.loads.add(&other.loads);
        self.redis.add(&other.redis);
    }

    /// The part that belongs to a part of the time.
    pub(crate) fn share(&self, stretch: Stretch) -> Self {
        Self {
            counts: self.counts.map(|count| stretch.of(count)),
            loads: self.loads.share(stretch),
            redis: self.redis.share(stretch),
        }
    }
}

/// What stands at the moment of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauges {
    pub(crate) memory_entries: u64,
    pub(crate) memory_bytes: u64,
    /// Removals that wait for Redis.
    pub(crate) journal: u64,
    /// Patterns in the ledger.
    pub(crate) ledger: u64,
    /// Parts of the cache whose breaker is not closed.
    pub(crate) open: u64,
}

impl Gauges {
    /// Of two samples in one slot: the later one, but the worst of what signals trouble.
    pub(crate) fn then(self, later: Self) -> Self {
        Self {
            journal: self.journal.max(later.journal),
            open: self.open.max(later.open),
            ..later
        }
    }
}
