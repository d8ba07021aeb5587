//! `#[cached]` on an async function: two cache tiers, memory and Redis, that stay correct while things go wrong.
//!
//! ```
//! use cache_runtime::cached;
//!
//! #[cached(ttl = "list", key = "jobs:list:<skip>:<limit>")]
//! async fn list_jobs(skip: u32, limit: u32) -> Result<Vec<String>, String> {
//!     Ok((skip..skip + limit).map(|id| format!("job {id}")).collect())
//! }
//!
//! #[cached(invalidates = "jobs:")]
//! async fn create_job(title: String) -> Result<String, String> {
//!     Ok(title)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), String> {
//! list_jobs(0, 20).await?;
//! list_jobs(0, 20).await?; // a hit
//! create_job("engineer".into()).await?;
//! list_jobs(0, 20).await?; // loaded anew
//! # Ok(())
//! # }
//! ```
//!
//! **A hit skips what the body checks.** Authorization belongs before the cached function, or its subject in the key.
//!
//! The options are on [`cached`]; the settings on [`CacheConfig`]; what can be done by hand on [`Cache`], of which
//! [`cache()`] is the global one. Without a `REDIS_URL` the cache is memory alone, and nothing else changes.

// From what a program uses down to what everything rests on; ARCHITECTURE.md has the map.
#[cfg(feature = "axum")]
pub mod http;
mod manual;
#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics;

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

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/cached.md")]
pub use cache_macros::cached;

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
pub use crate::error::{Error, TimedOut};
pub use crate::key::{CacheKey, Glob, KeyPrefix, Pattern, PatternError, Tag};
pub use crate::manual::health::{Health, HealthStats};
pub use crate::manual::warm::{Warm, WarmFailure, WarmFailureKind, WarmProgress, WarmReport};
pub use crate::outage::breaker::BreakerState;
pub use crate::redis::{Census, ConnectionTest};
pub use crate::telemetry::hot_keys::{HotKey, RecentInvalidation};
pub use crate::telemetry::instance::Instance;
pub use crate::telemetry::invalidation::{Durability, Invalidation};
pub use crate::telemetry::outcome::{CallOutcome, HitTier, Observed, Status, Why, observe};
pub use crate::telemetry::stats::CacheStats;
pub use crate::ttl::{NamedTtl, Ttl};
