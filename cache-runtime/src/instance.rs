//! Which cache is speaking: behind a balancer each request may reach another process.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::cache::Cache;
use crate::token;

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
            id: format!("{:016x}", token::number()),
            started_at_ms: u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Cache {
    /// What tells this cache from those of other processes, and from itself before a restart.
    ///
    /// ```
    /// let one = cache_runtime::Cache::new(Default::default()).unwrap();
    /// let other = cache_runtime::Cache::new(Default::default()).unwrap();
    /// assert_ne!(one.instance().id, other.instance().id);
    /// assert_eq!(one.instance(), one.clone().instance());
    /// ```
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.inner.instance
    }
}
