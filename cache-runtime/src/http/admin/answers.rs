//! The JSON answers of the routes.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::cache::Cache;
use crate::call::site::{self, Called};
use crate::http::admin::config::Role;
use crate::http::admin::history;
use crate::key::CacheKey;
use crate::local::memory::Memory as MemoryTier;
use crate::manual::health::Health;
use crate::manual::look::{Look, Shown, Standing};
use crate::outage::breaker::BreakerState;
use crate::telemetry::history::{Range, Times};
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
    /// The namespace without its colon; empty if there is none.
    namespace: String,
    /// The version of this library.
    version: &'static str,
    uptime_ms: u64,
    /// The role of whoever asks: `admin` or `super-admin`.
    role: &'static str,
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
    /// The number of removals that this process knows of the ledger.
    ledger: usize,
    /// Percentiles since the start, in milliseconds; `null` before the first.
    #[serde(flatten)]
    load_times: BTreeMap<&'static str, Option<f64>>,
    #[serde(flatten)]
    redis_times: BTreeMap<&'static str, Option<f64>>,
    counters: CacheStats,
}

#[derive(Debug, Serialize)]
struct Memory {
    entries: usize,
    max_entries: usize,
    /// The weight of all entries. An entry weighs the bytes of its key and value, but at least the byte bound divided by
    /// the entry bound.
    bytes: u64,
    max_bytes: u64,
    /// Entries that made room for others before they expired.
    evictions: u64,
}

pub(super) async fn stats(cache: &Cache, role: Role) -> Stats {
    let (health, redis_usage) = tokio::join!(cache.health(), cache.redis_usage());
    let config = &cache.inner.config;
    let in_memory = health.stats.memory_cache_size;
    let shards = || cache.inner.shards.all().iter();
    let memory = |of: fn(&MemoryTier) -> u64| shards().map(|shard| of(&shard.local.memory)).sum();
    let mut redis_times = Times::default();
    for tier in cache.inner.shards.tiers() {
        redis_times.add(&Times::within(tier.times()));
    }
    let load_times = Times::within(&cache.inner.counters.load_times);
    Stats {
        instance: cache.instance().clone(),
        namespace: config.namespace.trim_end_matches(':').to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_ms: now_ms().saturating_sub(cache.instance().started_at_ms),
        role: role.as_str(),
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
            bytes: memory(MemoryTier::weight),
            max_bytes: memory(MemoryTier::capacity),
            evictions: memory(MemoryTier::evictions),
        },
        breaker: cache.breaker_state().map(BreakerState::as_str),
        journal: cache.journal_len(),
        ledger: (cache.inner.shards.tiers())
            .map(|tier| tier.ledger_len())
            .sum(),
        load_times: history::percentiles_of_loads(&load_times),
        redis_times: history::percentiles_of_redis(&redis_times),
        counters: cache.stats(),
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[derive(Debug, Serialize)]
pub(super) struct Functions {
    instance: Instance,
    functions: Vec<Function>,
}

#[derive(Debug, Serialize)]
struct Function {
    name: &'static str,
    /// Covers every key of the function; `null` if it has no key.
    pattern: Option<String>,
    hits: u64,
    misses: u64,
    hit_rate_percent: f64,
    /// `null` until a body of the function has ended.
    mean_load_ms: Option<f64>,
    /// Percentiles since the start, in milliseconds.
    #[serde(flatten)]
    load_times: BTreeMap<&'static str, Option<f64>>,
    counters: CacheStats,
    /// The figures of the range in the request. Absent if the request names none, and for functions beyond the first 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<history::FunctionPeriod>,
}

pub(super) fn functions(cache: &Cache, range: Option<Range>) -> Functions {
    let mut periods = range.map(|range| history::functions(cache, range));
    let function = |called: Called| {
        let Called {
            name,
            stats,
            times,
            pattern,
        } = called;
        Function {
            name,
            pattern: pattern.map(|pattern| pattern.to_string()),
            hits: stats.hits() + stats.coalesced,
            misses: stats.misses + stats.bypasses,
            hit_rate_percent: stats.hit_rate_percent(),
            mean_load_ms: (stats.mean_load()).map(|mean| mean.as_micros() as f64 / 1000.0),
            load_times: history::percentiles_of_loads(&times),
            counters: stats,
            period: periods.as_mut().and_then(|periods| periods.remove(name)),
        }
    };
    Functions {
        instance: cache.instance().clone(),
        functions: site::called().into_iter().map(function).collect(),
    }
}

/// An entry, and its value if it was asked for.
#[derive(Debug, Serialize)]
pub(super) struct Looked {
    instance: Instance,
    #[serde(flatten)]
    look: Look,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Shown>,
}

/// The key as it is written, else as it is in keys that are made of such a text.
pub(super) async fn looked(cache: &Cache, key: &str, value: bool, full: bool) -> Looked {
    let (mut look, mut shown) = cache.look(key, value, full).await;
    let escaped = CacheKey::new(key);
    if look.state == Standing::Absent && escaped.as_str() != key {
        let (other, value) = cache.look(escaped.as_str(), value, full).await;
        if other.state != Standing::Absent {
            (look, shown) = (other, value);
        }
    }
    Looked {
        instance: cache.instance().clone(),
        look,
        value: shown,
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
