//! Identifies a cache instance: behind a load balancer, each request may reach another process.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::common::random;

/// One cache in one process, from its creation to its end. Do not mix the counters of two instances: each counts from
/// its own start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// 16 random hexadecimal digits, new after each start.
    pub id: String,
    /// The time of its creation, in milliseconds since 1970, by the clock of its machine.
    pub started_at_ms: u64,
}

impl Instance {
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            id: format!("{:016x}", random::number()),
            started_at_ms: u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
