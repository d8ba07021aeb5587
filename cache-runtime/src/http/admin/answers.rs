//! The JSON answers of the routes.

use serde::Serialize;

use crate::cache::Cache;
use crate::call::site;
use crate::manual::health::Health;
use crate::outage::breaker::BreakerState;
use crate::telemetry::hot_keys::{HotKey, RecentInvalidation};
use crate::telemetry::instance::Instance;
use crate::telemetry::invalidation::{Durability, Invalidation};
use crate::telemetry::stats::CacheStats;

/// [`Health`], and the instance it belongs to.
#[derive(Debug, Serialize)]
pub(super) struct HealthHere {
    #[serde(flatten)]
    health: Health,
    instance: Instance,
}

pub(super) async fn health(cache: &Cache) -> HealthHere {
    HealthHere {
        health: cache.health().await,
        instance: cache.instance().clone(),
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Stats {
    instance: Instance,
    status: &'static str,
    backend: &'static str,
    /// The number of entries of this cache: in Redis if available, else in memory.
    entries: u64,
    hits: u64,
    misses: u64,
    hit_rate_percent: f64,
    redis_memory_bytes: Option<u64>,
    redis_keys: Option<u64>,
    latency_ms: Option<f64>,
    memory: Memory,
    /// `closed`, `open`, `half-open`; `null` if no Redis is configured.
    breaker: Option<&'static str>,
    /// The number of removals that wait for Redis.
    journal: usize,
    counters: CacheStats,
}

#[derive(Debug, Serialize)]
struct Memory {
    entries: usize,
    max_entries: usize,
    max_bytes: u64,
}

pub(super) async fn stats(cache: &Cache) -> Stats {
    let (health, redis_usage) = tokio::join!(cache.health(), cache.redis_usage());
    let config = &cache.inner.config;
    let in_memory = health.stats.memory_cache_size;
    Stats {
        instance: cache.instance().clone(),
        status: health.status.as_str(),
        backend: health.backend,
        entries: redis_usage.map_or(in_memory as u64, |redis_usage| redis_usage.ours),
        hits: health.stats.hits,
        misses: health.stats.misses,
        hit_rate_percent: health.stats.hit_rate_percent,
        redis_memory_bytes: redis_usage.and_then(|redis_usage| redis_usage.memory),
        redis_keys: redis_usage.map(|redis_usage| redis_usage.keys),
        latency_ms: health.latency_ms,
        memory: Memory {
            entries: in_memory,
            max_entries: config.max_entries,
            max_bytes: config.max_bytes,
        },
        breaker: cache.breaker_state().map(BreakerState::as_str),
        journal: cache.journal_len(),
        counters: cache.stats(),
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Functions {
    instance: Instance,
    functions: Vec<Function>,
}

#[derive(Debug, Serialize)]
struct Function {
    name: &'static str,
    hits: u64,
    misses: u64,
    hit_rate_percent: f64,
    /// `null` until a body of the function has ended.
    mean_load_ms: Option<f64>,
    counters: CacheStats,
}

pub(super) fn functions(cache: &Cache) -> Functions {
    let function = |(name, stats): (&'static str, CacheStats)| Function {
        name,
        hits: stats.hits() + stats.coalesced,
        misses: stats.misses + stats.bypasses,
        hit_rate_percent: stats.hit_rate_percent(),
        mean_load_ms: (stats.mean_load()).map(|mean| mean.as_micros() as f64 / 1000.0),
        counters: stats,
    };
    Functions {
        instance: cache.instance().clone(),
        functions: site::functions().into_iter().map(function).collect(),
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Hottest {
    pub(super) instance: Instance,
    pub(super) keys: Vec<HotKey>,
}

#[derive(Debug, Serialize)]
pub(super) struct Recent {
    pub(super) instance: Instance,
    pub(super) invalidations: Vec<RecentInvalidation>,
}

#[derive(Debug, Serialize)]
pub(super) struct Invalidated {
    pattern: String,
    preview: bool,
    /// The number of entries that match, if they were only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    matching: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durability: Option<Durability>,
}

impl Invalidated {
    pub(super) fn preview(pattern: String, matching: u64) -> Self {
        Self {
            pattern,
            preview: true,
            matching: Some(matching),
            removed: None,
            durability: None,
        }
    }

    pub(super) fn done(pattern: String, done: Invalidation) -> Self {
        Self {
            pattern,
            preview: false,
            matching: None,
            removed: Some(done.removed),
            durability: Some(done.durability),
        }
    }
}
