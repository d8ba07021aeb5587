#![doc = include_str!("../README.md")]

// From what a program uses down to what everything rests on; ARCHITECTURE.md has the map.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod ctl;
#[cfg(feature = "axum")]
pub mod http;
mod manual;
#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics;
#[cfg(feature = "_outbox")]
pub mod outbox;
#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub mod __private;
mod call;

mod cache;
mod cacheable;
mod local;
mod outage;
mod redis;
mod telemetry;

mod common;
mod entry;
mod error;
mod key;
#[cfg(all(test, shuttle))]
mod shuttle_tests;
pub mod ttl;

#[cfg(feature = "axum")]
#[doc = include_str!("../docs/dashboard.md")]
pub mod dashboard {}

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/cached.md")]
pub use cache_macros::cached;
#[doc = include_str!("../docs/cached_defaults.md")]
pub use cache_macros::cached_defaults;

pub use crate::cache::Cache;
pub use crate::cache::config::CacheConfig;
pub use crate::cache::deferred::deferred;
pub use crate::cache::global::{cache, init, shutdown};
pub use crate::call::caller::IdentifiesCaller;
pub use crate::call::site::functions;
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub use crate::common::safeguard as sabotage;
pub use crate::entry::CodecKind;
pub use crate::entry::policy::{Near, Outage};
pub use crate::error::{Error, TimedOut};
pub use crate::key::{CacheKey, Glob, KeyPrefix, Pattern, PatternError, Tag};
pub use crate::manual::health::{Health, HealthStats, HealthStatus};
pub use crate::manual::warm::{Warm, WarmFailure, WarmFailureKind, WarmProgress, WarmReport};
pub use crate::outage::breaker::BreakerState;
pub use crate::redis::{
    ConnectionTest, Credentials, CredentialsProvider, FileCredentials, RedisUsage,
};
pub use crate::telemetry::events::{CacheEvent, on_event};
pub use crate::telemetry::hot_keys::{HotKey, RecentInvalidation};
pub use crate::telemetry::instance::Instance;
pub use crate::telemetry::invalidation::{Durability, Invalidation};
pub use crate::telemetry::outcome::{CallOutcome, HitTier, Observed, Reason, Status, observe};
pub use crate::telemetry::stats::CacheStats;
pub use crate::ttl::{NamedTtl, Ttl};
