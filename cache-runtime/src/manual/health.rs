//! The health of the cache, for a health endpoint.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;

use crate::cache::Cache;
use crate::outage::breaker::BreakerState;
use crate::redis::Tier;
use crate::telemetry::outcome::Reason;

/// The health of a cache. It serializes to the JSON that the health endpoint serves.
///
/// `{"status":"healthy","backend":"redis","latency_ms":1.23,"stats":{"hits":1500,"misses":300,"hit_rate_percent":83.33,
/// "redis_available":true,"memory_cache_size":0}}`
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Degraded if a configured Redis, or any master of a cluster, is unavailable, else healthy.
    pub status: HealthStatus,
    /// The backend in use: `redis` or `memory`.
    pub backend: &'static str,
    /// The round-trip time of a command sent just now, in milliseconds; `None` without Redis.
    pub latency_ms: Option<f64>,
    /// The counters.
    pub stats: HealthStats,
    /// Problems, one sentence each, with what to do: why Redis is not used, or which feature it lacks. In a cluster, a line
    /// for each master that is away: `2 of 16 buckets of keys, at 10.0.0.3:6379, are without Redis: …`. The JSON omits an
    /// empty list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether everything that a cache is configured for is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HealthStatus {
    /// No Redis is configured; or Redis is in use and has just answered a `PING`, in a cluster every master that holds keys
    /// of this cache. What a server lacks, such as pushes, does not change this: [`Health::notes`] names it. Removals that
    /// still wait in the journal do not change it either.
    Healthy,
    /// Redis is configured, but is not used now, or has not answered within the budget of a call. In a cluster this is so as
    /// soon as one of its masters is away, although the keys of the others are served: [`Health::notes`] says how many.
    Degraded,
}

impl HealthStatus {
    /// The status as it is serialized: `healthy` or `degraded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
        }
    }
}

/// The counters in [`Health`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HealthStats {
    /// Calls answered from memory or Redis, or by another call's load.
    pub hits: u64,
    /// Calls whose body ran.
    pub misses: u64,
    /// Hits as a percentage of hits and misses.
    pub hit_rate_percent: f64,
    /// Whether Redis is in use now.
    pub redis_available: bool,
    /// Entries in the memory tier.
    pub memory_cache_size: usize,
}

impl Cache {
    /// Returns the health of the cache. Sends at most one command to Redis (one for
    /// each bucket of keys in a cluster), within the budget of a call. Never fails.
    pub async fn health(&self) -> Health {
        let stats = self.stats();
        let latency = self.ping().await;
        let configured = self.inner.shards.have_redis();
        Health {
            status: if configured && latency.is_none() {
                HealthStatus::Degraded
            } else {
                HealthStatus::Healthy
            },
            backend: if latency.is_some() { "redis" } else { "memory" },
            latency_ms: latency.map(|latency| (latency.as_secs_f64() * 100_000.0).round() / 100.0),
            stats: HealthStats {
                hits: stats.hits() + stats.coalesced,
                misses: stats.misses + stats.bypasses,
                hit_rate_percent: stats.hit_rate_percent(),
                redis_available: latency.is_some(),
                memory_cache_size: self
                    .inner
                    .shards
                    .all()
                    .iter()
                    .map(|shard| shard.local.memory.len())
                    .sum(),
            },
            notes: self.notes(),
        }
    }

    /// The state of the circuit breaker for Redis; `None` if no Redis is configured. In a Redis Cluster each bucket of
    /// keys has a breaker of its own, and this is the worst state among them.
    #[must_use]
    pub fn breaker_state(&self) -> Option<BreakerState> {
        let states = self.inner.shards.tiers().map(|tier| tier.breaker_state());
        states.max_by_key(|state| match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        })
    }

    /// The number of removals in the journal, waiting for Redis.
    #[must_use]
    pub fn journal_len(&self) -> usize {
        self.inner
            .shards
            .tiers()
            .map(|tier| tier.journal_len())
            .sum()
    }

    async fn ping(&self) -> Option<std::time::Duration> {
        let began = tokio::time::Instant::now();
        let pings = self.inner.shards.all().iter().map(async |shard| {
            let budget = self.budget();
            let session = shard.session(&budget).await?;
            budget.spend_on(&session, pin!(session.ping())).await.ok()
        });
        // In a cluster all parts must answer.
        let answered = join_all(pings)
            .await
            .into_iter()
            .all(|answer| answer.is_some());
        answered.then(|| began.elapsed())
    }

    /// The problems of all parts, each once: texts that differ only in figures, such as a measured time, are one. In a
    /// cluster the parts that are away are named by their master.
    fn notes(&self) -> Vec<String> {
        let without_figures =
            |note: &str| -> String { note.chars().filter(|c| !c.is_ascii_digit()).collect() };
        let tiers: Vec<&Arc<Tier>> = self.inner.shards.tiers().collect();
        let in_cluster = tiers.len() > 1;
        let unusable = tiers.iter().filter_map(|tier| tier.unusable());
        let unusable: Vec<String> = match in_cluster {
            true => away(&tiers),
            false => unusable.collect(),
        };
        let shortcomings = tiers.iter().flat_map(|tier| tier.shortcomings());
        let mut seen = HashSet::new();
        let shortcomings = shortcomings.filter(|note| seen.insert(without_figures(note)));
        let off = "the cache is switched off: every call runs its body; set CACHE_ENABLED to on, and restart";
        let shadow = "the cache is in shadow mode: every call runs its body, and stored values are only compared; set CACHE_ENABLED to on, and restart";
        let off = self.why_not_read().map(|why| {
            let note = if why == Reason::Shadow { shadow } else { off };
            note.to_owned()
        });
        off.into_iter()
            .chain(unusable)
            .chain(shortcomings)
            .collect()
    }
}

/// The buckets of a cluster without a connection, a line for each master: how many, where, why.
fn away(tiers: &[&Arc<Tier>]) -> Vec<String> {
    let mut masters: BTreeMap<(Option<String>, Option<String>), usize> = BTreeMap::new();
    for tier in tiers.iter().filter(|tier| tier.session_now().is_none()) {
        let master = (tier.target.node(), tier.unusable());
        *masters.entry(master).or_default() += 1;
    }
    let line = |((node, why), buckets): ((Option<String>, Option<String>), usize)| {
        let all = tiers.len();
        let at = node.map(|node| format!(", at {node},")).unwrap_or_default();
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        format!("{buckets} of {all} buckets of keys{at} are without Redis{why}")
    };
    masters.into_iter().map(line).collect()
}
