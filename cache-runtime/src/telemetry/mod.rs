//! Counters, outcomes and spans of calls and removals.

pub(crate) mod events;
pub(crate) mod function;
pub(crate) mod histogram;
#[cfg(feature = "axum")]
pub(crate) mod history;
pub(crate) mod hot_keys;
pub(crate) mod instance;
pub(crate) mod invalidation;
pub(crate) mod outcome;
pub(crate) mod spans;
pub(crate) mod stats;
pub(crate) mod striped;
#[cfg(feature = "metrics")]
pub(crate) mod timer;
