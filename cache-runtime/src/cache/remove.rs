//! A removal: first in Redis, or in the journal if Redis does not answer; then in memory and in the flights; then it
//! returns.
//!
//! The local removal must come after the one in Redis: otherwise a reader in between would put the old value back.
//! There is also a local removal before it, only to let readers in this process see the change early.

use std::pin::pin;
use std::ptr;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tracing::Instrument as _;

use crate::cache::Cache;
use crate::cache::load::Load;
use crate::cache::shards::Shard;
use crate::cache::transaction;
use crate::common::safeguard::{Safeguard, off};
use crate::error::Error;
use crate::key::{CacheKey, KeyPrefix, Pattern, Tag};
use crate::redis::{Intent, Reclaim, Removed, Session};
use crate::telemetry::events::{self, CacheEvent};
#[cfg(feature = "axum")]
use crate::telemetry::history::Happened;
use crate::telemetry::invalidation::{Durability, Invalidation};
use crate::telemetry::spans;
use crate::telemetry::stats::{add, bump};

impl Cache {
    /// Removes one key. Never fails: if Redis cannot be reached now, the removal is journalled.
    ///
    /// Cancellation: if the future is dropped after its first poll, the removal is journalled.
    pub async fn delete(&self, key: impl Into<CacheKey>) -> Invalidation {
        self.remove_and_count(vec![Pattern::key(&key.into())]).await
    }

    /// Removes every key that begins with the prefix; `""` removes everything.
    ///
    /// A text is escaped as keys are; [`KeyPrefix::of`] builds one from values.
    ///
    /// The removal holds for every process as soon as Redis has acknowledged it, however many entries it covers. The
    /// call then waits until Redis has deleted the entries, and returns their number. If Redis does not answer for
    /// `CACHE_BUDGET`, the deletion continues in the background, and `removed` is the number counted so far. A caller
    /// that drops the future while it waits loses only the count.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let cache = cache_runtime::Cache::new(Default::default()).unwrap();
    /// cache.set("jobs:list:0", &1, std::time::Duration::from_secs(60)).await.unwrap();
    /// assert_eq!(cache.invalidate_prefix("jobs:").await.removed, 1);
    /// # }
    /// ```
    pub async fn invalidate_prefix(&self, prefix: impl Into<KeyPrefix>) -> Invalidation {
        let prefix = prefix.into();
        self.remove_and_count(vec![Pattern::from(prefix)]).await
    }

    /// Removes the entries that a pattern names: `jobs:` everything below it, `jobs:stats` that key and everything
    /// below it, `*` any text, `#author:7` a tag. Write it as keys are written, that is, escaped.
    ///
    /// # Errors
    ///
    /// The pattern is invalid; nothing was removed then.
    pub async fn invalidate_pattern(&self, pattern: &str) -> Result<Invalidation, Error> {
        let pattern = Pattern::parse(pattern).map_err(|why| Error::pattern(why.to_string()))?;
        Ok(self.remove_and_count(vec![pattern]).await)
    }

    /// Removes every entry that carries the tag.
    ///
    /// A text is escaped as keys are; [`Tag::of`] builds one from values.
    pub async fn invalidate_tag(&self, tag: impl Into<Tag>) -> Invalidation {
        self.remove_and_count(vec![Pattern::from(tag.into())]).await
    }

    /// Removes every entry that carries all of the tags: `["author:7", "draft"]` keeps author 7's other articles. A
    /// load under way whose entry may get all of the tags is not stored.
    pub async fn invalidate_all_tags<T: Into<Tag> + Clone>(&self, tags: &[T]) -> Invalidation {
        let tags = tags.iter().cloned().map(Into::into);
        self.remove_and_count(vec![Pattern::all_tags(tags)]).await
    }

    /// Removes every entry of this cache's namespace. Keys that do not belong to this cache are left alone.
    pub async fn clear(&self) -> Invalidation {
        self.remove_and_count(vec![Pattern::all()]).await
    }

    /// A manual removal: waits until the removed entries are deleted, to return their number.
    pub(crate) async fn remove_and_count(&self, patterns: Vec<Pattern>) -> Invalidation {
        self.remove_within_span(patterns, None, Count::Waited).await
    }

    /// A removal by a cached function: the stale entries are deleted in the background. `spared`: the load that makes
    /// this removal.
    pub(crate) async fn remove(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<&Load>,
    ) -> Invalidation {
        self.remove_within_span(patterns, spared, Count::Later)
            .await
    }

    async fn remove_within_span(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<&Load>,
        count: Count,
    ) -> Invalidation {
        if let Some(deferred) = transaction::defer(self, &patterns) {
            return deferred;
        }
        transaction::note_in_writer(self, &patterns);
        let span = spans::invalidate(&patterns);
        let removing = async {
            let (invalidation, garbage) = self.remove_now(patterns, spared, count).await;
            self.reclaim_and_count(invalidation, garbage, count).await
        };
        let invalidation = removing.instrument(span.clone()).await;
        span.record("cache.removed", invalidation.removed);
        span.record("cache.durability", invalidation.durability.as_str());
        invalidation
    }

    /// Makes the entries that the patterns cover stale for every process. Redis still has to delete them afterwards.
    async fn remove_now(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<&Load>,
        count: Count,
    ) -> (Invalidation, Vec<Garbage>) {
        // Declared before `due`, so dropped after it: if the caller drops this future, the removal is in the journal
        // before its intents are withdrawn.
        let intents = Mutex::new(Vec::new());
        let mut due = Due::new(self, patterns);
        bump(&self.inner.counters.invalidations);
        let parts = self.inner.shards.divide(&due.patterns);
        let removing = parts
            .iter()
            .map(|(shard, patterns)| self.remove_in(shard, patterns, spared, count, &intents));
        let removed = join_all(removing).await;
        due.done();
        let durable = removed.iter().all(|part| part.durable);
        if !durable {
            bump(&self.inner.counters.queued);
        }
        let durability = if durable {
            Durability::Durable
        } else {
            Durability::Queued
        };
        let entries = removed.iter().map(|part| part.entries).sum();
        let done = self.removed(&due.patterns, entries, durability);
        let garbage = removed.into_iter().filter_map(|part| part.garbage);
        (done, garbage.collect())
    }

    /// The same for one part of the cache.
    async fn remove_in(
        &self,
        shard: &Shard,
        patterns: &[Pattern],
        spared: Option<&Load>,
        count: Count,
        intents: &Mutex<Vec<Intent>>,
    ) -> RemovedHere {
        if count == Count::Waited && shard.tier.is_some() {
            // Only for the count: waits for stores under way, which would be refused after the removal. The result of
            // a store arrives no later than any other reply of Redis.
            for pattern in patterns {
                shard.local.flights.stored(pattern).await;
            }
        }
        // A load belongs to one part; the others have nothing to spare.
        let spared = spared.filter(|loading| ptr::eq(self.shard(loading.key()), shard));
        let spare = spared.map(Load::spare);
        let flight = spare.map(|spare| &**spare.flight);
        let removed_here = shard.local.remove(patterns, flight);
        let Some(tier) = &shard.tier else {
            return RemovedHere::unsaid(removed_here, true);
        };
        let acknowledged = match tier.session(&self.budget()).await {
            None => None,
            Some(session) => {
                intents.lock().extend(tier.intend(patterns));
                // An invalidation has its own budget, independent of the wait for the first connect.
                let removal = session.remove(patterns, spare);
                let removed = self
                    .budget()
                    .spend_on_removal(&session, pin!(removal))
                    .await;
                removed
                    .ok()
                    .filter(|_| tier.acknowledged(&session.link, patterns))
                    .map(|removed| (session, removed))
            }
        };
        let Some((session, removed)) = acknowledged else {
            // The removal may or may not have run. It runs again later, and until then the keys it covers are not read
            // from Redis.
            self.inner.shards.journal(shard, tier, patterns);
            shard.local.remove(patterns, flight);
            return RemovedHere::unsaid(removed_here, false);
        };
        if !off(Safeguard::LocalPass) {
            shard.local.remove(patterns, flight);
        }
        let garbage = Garbage::of(&session, patterns, &removed);
        let entries = removed.entries;
        if let Some(loading) = spared {
            loading.has_removed(removed);
        }
        RemovedHere {
            entries,
            durable: true,
            garbage,
        }
    }

    /// Counts a removal and records it in the list of recent removals.
    fn removed(&self, patterns: &[Pattern], removed: u64, durability: Durability) -> Invalidation {
        let invalidation = Invalidation {
            removed,
            durability,
        };
        add(&self.inner.counters.removed, removed);
        self.remember(patterns, invalidation);
        invalidation
    }

    async fn reclaim_and_count(
        &self,
        mut invalidation: Invalidation,
        garbage: Vec<Garbage>,
        count: Count,
    ) -> Invalidation {
        let silence = self.inner.config.budget;
        let mut counting = Vec::new();
        for garbage in garbage {
            let (session, reclaim) = garbage.reclaim(self.clone());
            match count {
                Count::Later => session.reclaim_later(reclaim),
                Count::Waited => {
                    counting.push(async move { session.reclaim_now(reclaim, silence).await });
                }
            }
        }
        invalidation.removed += join_all(counting).await.iter().sum::<u64>();
        invalidation
    }

    /// For a caller that was dropped: makes the removal in this process before it returns, without awaiting anything.
    pub(crate) fn remove_without_waiting(&self, patterns: &[Pattern]) {
        if transaction::defer(self, patterns).is_some() {
            return;
        }
        transaction::note_in_writer(self, patterns);
        bump(&self.inner.counters.invalidations);
        let mut removed = 0;
        for (shard, patterns) in self.inner.shards.divide(patterns) {
            if let Some(tier) = &shard.tier {
                self.inner.shards.journal(shard, tier, &patterns);
            }
            removed += shard.local.remove(&patterns, None);
        }
        let durability = if self.inner.shards.have_redis() {
            bump(&self.inner.counters.queued);
            Durability::Queued
        } else {
            Durability::Durable
        };
        let done = Invalidation {
            removed,
            durability,
        };
        self.remember(patterns, done);
    }

    /// For operators: the list of recent removals, and the history.
    fn remember(&self, patterns: &[Pattern], done: Invalidation) {
        self.inner.watch.removed(patterns, done);
        events::tell(CacheEvent::Removal(patterns, done));
        #[cfg(feature = "axum")]
        if patterns.iter().any(Pattern::is_clear) {
            let now = tokio::time::Instant::now();
            self.inner.history.note(now, Happened::Cleared);
        }
    }
}

/// Whether a removal waits until the stale entries are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Waited,
    Later,
}

/// Entries that a removal has made stale and that Redis still has to delete.
struct Garbage {
    session: Session,
    patterns: Vec<Pattern>,
    /// Entries with a smaller number are stale.
    number: u64,
    /// Whether other processes use the namespace, too.
    others: bool,
}

/// The effect of a removal on one part of the cache.
struct RemovedHere {
    entries: u64,
    durable: bool,
    garbage: Option<Garbage>,
}

impl RemovedHere {
    /// Redis has not acknowledged the removal, or there is no Redis.
    fn unsaid(entries: u64, durable: bool) -> Self {
        Self {
            entries,
            durable,
            garbage: None,
        }
    }
}

impl Garbage {
    fn of(session: &Session, patterns: &[Pattern], removed: &Removed) -> Option<Self> {
        let recorded = &removed.recorded;
        let number = recorded.iter().map(|recorded| recorded.number).max()?;
        let alone = recorded.iter().all(|recorded| recorded.heard == 1);
        Some(Self {
            others: !(alone && session.link.pushes),
            session: session.clone(),
            patterns: patterns
                .iter()
                .filter(|pattern| !matches!(pattern, Pattern::Key(_)))
                .cloned()
                .collect(),
            number,
        })
    }

    /// The work that deletes the entries, and tells the cache how many there were.
    fn reclaim(self, cache: Cache) -> (Session, Reclaim) {
        let watched = self.patterns.clone();
        let on_counted = move |removed: u64| {
            add(&cache.inner.counters.removed, removed);
            cache.inner.watch.counted(&watched, removed);
        };
        let reclaim = Reclaim {
            patterns: self.patterns,
            number: self.number,
            others: self.others,
            on_counted: Box::new(on_counted),
        };
        (self.session, reclaim)
    }
}

/// A removal that has not run yet. If it is dropped before `done` is called, it is made then.
pub(crate) struct Due<'a> {
    cache: &'a Cache,
    pub(crate) patterns: Vec<Pattern>,
    owed: bool,
}

impl<'a> Due<'a> {
    pub(crate) fn new(cache: &'a Cache, patterns: Vec<Pattern>) -> Self {
        Self {
            cache,
            patterns,
            owed: true,
        }
    }

    pub(crate) fn done(&mut self) {
        self.owed = false;
    }
}

impl Drop for Due<'_> {
    fn drop(&mut self) {
        if self.owed && !self.patterns.is_empty() {
            self.cache.remove_without_waiting(&self.patterns);
        }
    }
}
