//! The core of the cache: reads, loads, stores and removals. It works on keys and bytes, and does not know the types
//! of functions.
//!
//! The read path is [`Cache::read`] in `handle.rs`. `leader.rs` is the part of a flight's leader, and `reply.rs`
//! interprets the bytes from Redis.

pub(crate) mod blocking;
pub(crate) mod config;
pub(crate) mod deferred;
pub(crate) mod global;
mod handle;
#[cfg(feature = "testing")]
pub(crate) mod holds;
#[cfg(feature = "_outbox")]
mod in_outbox;
mod leader;
pub(crate) mod load;
mod noted;
pub(crate) mod remove;
mod reply;
mod request;
pub(crate) mod shards;
pub(crate) mod store;
pub(crate) mod transaction;
#[cfg(feature = "_outbox")]
pub(crate) mod unrecorded;
mod wait;

pub use self::handle::Cache;
#[cfg(feature = "axum")]
pub(crate) use self::handle::Inner;
use self::handle::{Reply, STARTS};
#[cfg(feature = "axum")]
pub(crate) use self::reply::version_of;
pub(crate) use self::request::{Demand, Hit, ReadOutcome, Request};
