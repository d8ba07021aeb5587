//! Coherent two-tier caching for async services. (The crate page follows the README.)

// In reading order: what a program uses, then the read path downwards.
mod global;
mod config;
mod cache;
mod manual;
mod invalidate;
mod deferred;
mod health;
mod outcome;
#[cfg(feature = "axum")]
pub mod http;

#[doc(hidden)]
pub mod __private;
mod call;
mod site;
mod load;
mod cacheable;

mod local;
mod flight;
mod memory;
mod redis;
mod journal;
mod breaker;
mod background;
mod barren;

mod entry;
mod key;
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub mod sabotage;
#[cfg(not(feature = "sabotage"))]
#[allow(dead_code, unreachable_pub, reason = "what only tests ask for")]
mod sabotage;
pub mod ttl;
mod stats;
mod token;
mod error;

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
