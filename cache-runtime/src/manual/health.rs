//! Is the cache well? The answer for a health endpoint.

use serde::Serialize;
use std::pin::pin;

use crate::cache::Cache;
use crate::outage::breaker::BreakerState;

/// The state of a cache; serializes to the JSON that the health endpoint serves.
///
/// `{"status":"healthy","backend":"redis","latency_ms":1.23,"stats":{"hits":1500,"misses":300,"hit_rate_percent":83.33,
/// "redis_available":true,"memory_cache_size":0}}`
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether a configured Redis is used.
    pub status: HealthStatus,
    /// What answers: `redis` or `memory`.
    pub backend: &'static str,
    /// Round trip of a command just now, in milliseconds; `None` without Redis.
    pub latency_ms: Option<f64>,
    /// The figures.
    pub stats: HealthStats,
    /// Problems, a sentence each, with what to do: why Redis is not used, or which feature it lacks. Left out of
    /// the JSON while there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether a cache works with all that it is configured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HealthStatus {
    /// It does.
    Healthy,
    /// A configured Redis is away.
    Degraded,
}

impl HealthStatus {
    /// The word for it, as it is serialized: `healthy` or `degraded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
        }
    }
}

/// The figures of [`Health`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HealthStats {
    /// Calls that a tier answered.
    pub hits: u64,
    /// Calls whose body ran.
    pub misses: u64,
    /// Hits in percent of both.
    pub hit_rate_percent: f64,
    /// Redis is used now.
    pub redis_available: bool,
    /// Entries in the memory tier.
    pub memory_cache_size: usize,
}

impl Cache {
    /// Looks: at most one command to Redis, within the budget of a call. Never fails.
    pub async fn health(&self) -> Health {
        let stats = self.stats();
        let latency = self.ping().await;
        let configured = self.inner.tier.is_some();
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
                memory_cache_size: self.inner.local.memory.len(),
            },
            notes: self
                .inner
                .tier
                .as_ref()
                .map_or_else(Vec::new, |tier| tier.notes()),
        }
    }

    /// The breaker between this process and Redis; `None` where no Redis is configured.
    #[must_use]
    pub fn breaker_state(&self) -> Option<BreakerState> {
        self.inner.tier.as_ref().map(|tier| tier.breaker_state())
    }

    /// Removals that wait for Redis.
    #[must_use]
    pub fn journal_len(&self) -> usize {
        self.inner
            .tier
            .as_ref()
            .map_or(0, |tier| tier.journal_len())
    }

    async fn ping(&self) -> Option<std::time::Duration> {
        let tier = self.inner.tier.as_ref()?;
        let budget = self.budget();
        let session = tier.session(&budget).await?;
        let began = tokio::time::Instant::now();
        budget
            .spend_on(&session, pin!(session.ping()))
            .await
            .ok()
            .map(|()| began.elapsed())
    }
}
