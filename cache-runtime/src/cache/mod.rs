//! The core of the cache, which knows keys and bytes and no types of functions: reads, loads, stores, removals.
//!
//! The read path is [`Cache::read`] in `handle.rs`; what the leader of a flight does is in `leader.rs`, what bytes from Redis
//! mean in `reply.rs`.

pub(crate) mod config;
pub(crate) mod deferred;
pub(crate) mod global;
mod handle;
mod leader;
pub(crate) mod load;
pub(crate) mod remove;
mod reply;
mod request;
pub(crate) mod store;
pub(crate) mod transaction;
mod wait;

pub use self::handle::Cache;
use self::handle::{Reply, STARTS};
pub(crate) use self::request::{Demand, Hit, ReadOutcome, Request};
