//! The switch between Redis and an outage, and the removals that wait for Redis meanwhile. This module uses time and
//! this process's memory, but not the Redis client.

pub(crate) mod breaker;
pub(crate) mod journal;
mod journal_file;
pub(crate) mod switch;
