//! What an invalidation came to, and whom it binds.

use serde::Serialize;

/// What an invalidation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Invalidation {
    /// Entries really removed: from Redis, or from memory where that is all there is. Of a cached function's
    /// `invalidates`, whose entries are taken away behind the call, [`crate::CacheStats::removed`] tells; and so it does
    /// of what was still to be counted when Redis fell silent for longer than `CACHE_BUDGET`: this is then what was counted
    /// until then.
    pub removed: u64,
    /// Whom it binds.
    pub durability: Durability,
}

/// Whom an invalidation binds when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// Everybody: Redis has acknowledged it (or none is configured, and this process is everybody).
    Durable,
    /// Nobody yet: it runs when the surrounding [`crate::deferred()`] scope has ended well.
    Deferred,
    /// This process, at once. The others when Redis is back; before this process reads Redis again.
    Queued,
}

impl Durability {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Deferred => "deferred",
            Self::Queued => "queued",
        }
    }
}

impl Invalidation {
    /// It binds every process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.durability == Durability::Durable
    }
}
