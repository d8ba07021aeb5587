//! A removal that is in the outbox, seen by the process that has written it.

use std::fmt;
use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::transaction::{after_commit, after_commit_now};
use crate::key::Pattern;
use crate::outbox::database::OutboxDatabase;
use crate::outbox::finished::Finished;
use crate::telemetry::invalidation::Invalidation;

/// Removals that [`Outbox::record`](super::Outbox::record) has written. They are to be made after the commit.
///
/// If this is dropped without a word, nobody knows whether the transaction has committed. The removals are then made
/// without waiting for Redis, and the row, if it was committed, stays for [`Outbox::drain`](super::Outbox::drain). A removal too
/// many is harmless.
#[must_use = "the removals are still to be made: call `remove` after the commit"]
pub struct Recorded<DB: OutboxDatabase> {
    cache: Cache,
    finished: Arc<Finished<DB>>,
    id: Option<i64>,
    patterns: Vec<Pattern>,
}

impl<DB: OutboxDatabase> Recorded<DB> {
    pub(super) fn new(
        cache: Cache,
        finished: Arc<Finished<DB>>,
        id: Option<i64>,
        patterns: Vec<Pattern>,
    ) -> Self {
        Self {
            cache,
            finished,
            id,
            patterns,
        }
    }

    /// Makes the removals. Call it as soon as the transaction has committed. If Redis has acknowledged them, the row is
    /// deleted in the background; else it stays for [`Outbox::drain`](super::Outbox::drain).
    ///
    /// # Cancellation
    ///
    /// If the future is dropped after its first poll, the removals take effect in this process at once, and are queued for
    /// Redis. The row stays.
    pub async fn remove(mut self) -> Invalidation {
        let patterns = std::mem::take(&mut self.patterns);
        let removed = after_commit(self.cache.remove(patterns, None)).await;
        if let Some(id) = self.id.filter(|_| removed.is_durable()) {
            self.finished.delete(id);
        }
        removed
    }

    /// Forgets the removals, because the transaction was rolled back.
    pub fn rolled_back(mut self) {
        self.patterns.clear();
    }
}

impl<DB: OutboxDatabase> Drop for Recorded<DB> {
    fn drop(&mut self) {
        if !self.patterns.is_empty() {
            after_commit_now(|| self.cache.remove_without_waiting(&self.patterns));
        }
    }
}

impl<DB: OutboxDatabase> fmt::Debug for Recorded<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("id", &self.id)
            .field("patterns", &self.patterns)
            .finish_non_exhaustive()
    }
}
