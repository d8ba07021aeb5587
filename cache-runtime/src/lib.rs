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
mod cache;
mod census;
mod config;
mod deferred;
mod global;
mod health;
#[cfg(feature = "axum")]
pub mod http;
mod inspect;
mod instance;
mod invalidate;
mod invalidation;
mod manual;
#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics;
mod outcome;
#[cfg(feature = "metrics")]
mod timer;
mod warm;
mod watch;

#[doc(hidden)]
pub mod __private;
mod cacheable;
mod call;
mod caller;
mod load;
mod site;
mod store;

mod background;
mod barren;
mod breaker;
mod failing;
mod flight;
mod function;
mod journal;
mod local;
mod memory;
mod policy;
mod redis;

mod entry;
mod error;
mod key;
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub mod sabotage;
#[cfg(not(feature = "sabotage"))]
#[allow(dead_code, unreachable_pub, reason = "what only tests ask for")]
mod sabotage;
#[cfg(all(test, shuttle))]
mod shuttle_tests;
mod spans;
mod stats;
mod sync;
mod token;
pub mod ttl;

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/cached.md")]
pub use cache_macros::cached;

pub use crate::breaker::BreakerState;
pub use crate::cache::Cache;
pub use crate::caller::IdentifiesCaller;
pub use crate::config::CacheConfig;
pub use crate::deferred::deferred;
pub use crate::entry::CodecKind;
pub use crate::error::{Error, TimedOut};
pub use crate::global::{cache, init, shutdown};
pub use crate::health::{Health, HealthStats};
pub use crate::instance::Instance;
pub use crate::invalidation::{Durability, Invalidation};
pub use crate::key::{CacheKey, Glob, KeyPrefix, Pattern, PatternError, Tag};
pub use crate::outcome::{CallOutcome, HitTier, Observed, Status, Why, observe};
pub use crate::redis::{Census, ConnectionTest};
pub use crate::site::functions;
pub use crate::stats::CacheStats;
pub use crate::ttl::{NamedTtl, Ttl};
pub use crate::warm::{Warm, WarmFailure, WarmFailureKind, WarmProgress, WarmReport};
pub use crate::watch::{HotKey, RecentInvalidation};
