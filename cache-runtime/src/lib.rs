//! Coherent two-tier caching for async services. (The crate page follows the README.)

// In reading order: what a program uses, then the read path downwards.
mod cache;
mod config;
mod deferred;
mod global;
mod health;
#[cfg(feature = "axum")]
pub mod http;
mod invalidate;
mod manual;
mod outcome;

#[doc(hidden)]
pub mod __private;
mod cacheable;
mod call;
mod load;
mod site;

mod background;
mod barren;
mod breaker;
mod flight;
mod journal;
mod local;
mod memory;
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
mod stats;
mod token;
pub mod ttl;

#[doc = include_str!("../docs/cached.md")]
pub use cache_macros::cached;

pub use crate::breaker::BreakerState;
pub use crate::cache::{Cache, HitTier};
pub use crate::config::CacheConfig;
pub use crate::deferred::deferred;
pub use crate::entry::CodecKind;
pub use crate::error::Error;
pub use crate::global::{cache, init, shutdown};
pub use crate::health::{Health, HealthStats};
pub use crate::invalidate::{Durability, Invalidation};
pub use crate::key::{CacheKey, Glob, Pattern, PatternError};
pub use crate::outcome::{Observed, observe};
pub use crate::redis::ConnectionTest;
pub use crate::site::functions;
pub use crate::stats::CacheStats;
pub use crate::ttl::{NamedTtl, Ttl};
