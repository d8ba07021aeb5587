//! Which cache is speaking: behind a balancer each request may reach another process.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::common::random;

/// One cache of one process, from its making to its end. Figures of two instances must not be mixed: each counts for itself,
/// from its own start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// 16 random hexadecimal digits, others after each start.
    pub id: String,
    /// When it was made, in milliseconds since 1970 by its own clock.
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
