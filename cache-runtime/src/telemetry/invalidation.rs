//! The result of an invalidation: how many entries it removed, and which processes it has reached.

use serde::Serialize;

/// The result of an invalidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Invalidation {
    /// The number of entries removed: from Redis, or from memory if Redis is not available. Entries that are deleted
    /// in the background are not included; [`crate::CacheStats::removed`] counts them: those of a cached function's
    /// `invalidates`, and those that were not yet counted when Redis did not answer for longer than `CACHE_BUDGET`.
    pub removed: u64,
    /// Which processes it has reached.
    pub durability: Durability,
}

/// Which processes an invalidation has reached when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// All processes: Redis has acknowledged it, or no Redis is configured and this process is the only one.
    Durable,
    /// No process yet: it is made when the surrounding [`crate::deferred()`] scope ends with `Ok`.
    Deferred,
    /// This process, at once. The others when Redis is back, before this process reads from Redis again.
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
    /// Whether it has reached all processes.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.durability == Durability::Durable
    }
}
