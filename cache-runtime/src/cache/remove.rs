//! What a removal does: Redis, else the journal; then memory and the flights; then the answer.
//!
//! The local pass must follow the one in Redis: a reader in between would bring the old value back. The pass before it
//! only makes this process's readers prompt.

use std::pin::pin;
use tracing::Instrument as _;

use crate::cache::Cache;
use crate::cache::load::Loading;
use crate::cache::transaction;
use crate::common::safeguard::{Safeguard, off};
use crate::error::Error;
use crate::key::{CacheKey, KeyPrefix, Pattern, Tag};
use crate::redis::{Reclaim, Session};
use crate::telemetry::invalidation::{Durability, Invalidation};
use crate::telemetry::spans;
use crate::telemetry::stats::{add, bump};

impl Cache {
    /// Removes one key. Never fails: what Redis cannot be told now is journalled.
    ///
    /// Cancellation: once polled, a dropped removal is journalled.
    pub async fn delete(&self, key: impl Into<CacheKey>) -> Invalidation {
        self.remove_and_count(vec![Pattern::key(&key.into())]).await
    }

    /// Removes every key that begins with the text; `""` is everything.
    ///
    /// A text is escaped as keys are; [`KeyPrefix::of`] builds one from values.
    ///
    /// The removal binds every process when Redis has acknowledged it, whatever it covers; then this waits until the entries
    /// are taken away, and says how many there were: for as long as Redis answers. When it says nothing for `CACHE_BUDGET`,
    /// the counting goes on behind the call, and `removed` says how far it had come. A caller who drops the call then loses the
    /// count alone.
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

    /// Removes what a pattern names: `jobs:` everything below it, `jobs:stats` that key and everything below it, `*` any
    /// text, `#author:7` a tag. It is written as keys read, that is, escaped.
    ///
    /// # Errors
    ///
    /// A pattern that is refused; nothing was removed then.
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

    /// Removes every entry that carries all of the tags: `["author:7", "draft"]` leaves author 7's other articles alone.
    /// A load that may come to carry them is not stored.
    pub async fn invalidate_all_tags<T: Into<Tag> + Clone>(&self, tags: &[T]) -> Invalidation {
        let tags = tags.iter().cloned().map(Into::into);
        self.remove_and_count(vec![Pattern::all_tags(tags)]).await
    }

    /// Removes everything of this cache's namespace, and nothing that is not ours.
    pub async fn clear(&self) -> Invalidation {
        self.remove_and_count(vec![Pattern::all()]).await
    }

    /// A removal by hand: waits until what it has made stale is taken away, to tell how much it was.
    pub(crate) async fn remove_and_count(&self, patterns: Vec<Pattern>) -> Invalidation {
        self.remove_within_span(patterns, None, Count::Waited).await
    }

    /// A removal of a cached function: what it has made stale is taken away in the background. `spared`: the load on whose
    /// behalf it runs.
    pub(crate) async fn remove(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<&Loading>,
    ) -> Invalidation {
        self.remove_within_span(patterns, spared, Count::Later)
            .await
    }

    async fn remove_within_span(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<&Loading>,
        count: Count,
    ) -> Invalidation {
        if let Some(deferred) = transaction::defer(self, &patterns) {
            return deferred;
        }
        let span = spans::invalidate(&patterns);
        let removing = async {
            let (invalidation, garbage) = self.remove_now(patterns, spared, count).await;
            match garbage {
                Some(garbage) => self.take_away(invalidation, garbage, count).await,
                None => invalidation,
            }
        };
        let invalidation = removing.instrument(span.clone()).await;
        span.record("cache.removed", invalidation.removed);
        span.record("cache.durability", invalidation.durability.as_str());
        invalidation
    }

    /// Makes what the patterns cover stale for everybody. What Redis holds of it is still to be taken away.
    async fn remove_now(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<&Loading>,
        count: Count,
    ) -> (Invalidation, Option<Garbage>) {
        // Before what is due, and so dropped after it: a removal that its caller gives up is in the journal before its intent
        // is not.
        let mut _intent = None;
        let mut due = Due::new(self, patterns);
        let inner = &self.inner;
        if count == Count::Waited && inner.tier.is_some() {
            // Only for the count; what is on its way would not be let in afterwards. A store's verdict takes no longer than
            // any answer of Redis.
            for pattern in &due.patterns {
                inner.local.flights.stored(pattern).await;
            }
        }
        bump(&inner.counters.invalidations);
        let spare = spared.map(Loading::spare);
        let flight = spare.map(|spare| &**spare.flight);
        let removed_here = inner.local.remove(&due.patterns, flight);
        let Some(tier) = &inner.tier else {
            due.done();
            let done = self.removed(&due.patterns, removed_here, Durability::Durable);
            return (done, None);
        };
        let budget = self.budget();
        let acknowledged = match tier.session(&budget).await {
            None => None,
            Some(session) => {
                _intent = tier.intend(&due.patterns);
                // An invalidation has its own budget, whatever the wait for the first connect took.
                let removal = session.remove(&due.patterns, spare);
                let removed = self
                    .budget()
                    .spend_on_removal(&session, pin!(removal))
                    .await;
                removed
                    .ok()
                    .filter(|_| tier.acknowledged(&session.link, &due.patterns))
                    .map(|removed| (session, removed))
            }
        };
        let Some((session, removed)) = acknowledged else {
            // Its outcome may be unknown: then it runs again, and what it covers is not read from Redis before.
            tier.journal(&due.patterns);
            inner.local.remove(&due.patterns, flight);
            due.done();
            let done = self.removed(&due.patterns, removed_here, Durability::Queued);
            return (done, None);
        };
        if !off(Safeguard::LocalPass) {
            inner.local.remove(&due.patterns, flight);
        }
        due.done();
        let done = self.removed(&due.patterns, removed.entries, Durability::Durable);
        let number = removed
            .recorded
            .iter()
            .map(|recorded| recorded.number)
            .max();
        let alone = removed.recorded.iter().all(|recorded| recorded.heard == 1);
        let garbage = number.map(|number| Garbage {
            others: !(alone && session.link.pushes),
            session,
            patterns: due
                .patterns
                .iter()
                .filter(|pattern| !matches!(pattern, Pattern::Key(_)))
                .cloned()
                .collect(),
            number,
        });
        if let Some(loading) = spared {
            loading.has_removed(removed);
        }
        (done, garbage)
    }

    /// Counts a removal, and tells those who watch.
    fn removed(&self, patterns: &[Pattern], removed: u64, durability: Durability) -> Invalidation {
        let invalidation = Invalidation {
            removed,
            durability,
        };
        add(&self.inner.counters.removed, removed);
        self.inner.watch.removed(patterns, invalidation);
        invalidation
    }

    async fn take_away(
        &self,
        mut invalidation: Invalidation,
        garbage: Garbage,
        count: Count,
    ) -> Invalidation {
        let cache = self.clone();
        let Garbage {
            session,
            patterns,
            number,
            others,
        } = garbage;
        let watched = patterns.clone();
        let told = move |removed: u64| {
            add(&cache.inner.counters.removed, removed);
            cache.inner.watch.counted(&watched, removed);
        };
        let reclaim = Reclaim {
            patterns,
            number,
            others,
            told: Box::new(told),
        };
        match count {
            Count::Later => session.reclaim_later(reclaim),
            Count::Waited => {
                let silence = self.inner.config.budget;
                invalidation.removed += session.reclaim_now(reclaim, silence).await;
            }
        }
        invalidation
    }

    /// For a caller that vanished: binds this process before it returns, without awaiting anything.
    pub(crate) fn remove_without_waiting(&self, patterns: &[Pattern]) {
        if transaction::defer(self, patterns).is_some() {
            return;
        }
        bump(&self.inner.counters.invalidations);
        if let Some(tier) = &self.inner.tier {
            tier.journal(patterns);
        }
        let removed = self.inner.local.remove(patterns, None);
        let durability = match self.inner.tier {
            Some(_) => Durability::Queued,
            None => Durability::Durable,
        };
        let done = Invalidation {
            removed,
            durability,
        };
        self.inner.watch.removed(patterns, done);
    }
}

/// Whether a removal waits until what it has made stale is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Waited,
    Later,
}

/// Entries that a removal has made stale, and that Redis still holds.
struct Garbage {
    session: Session,
    patterns: Vec<Pattern>,
    /// Entries with a smaller number are stale.
    number: u64,
    /// Other processes use the namespace, too.
    others: bool,
}

/// A removal that is due: if whoever owes it vanishes, dropping this sees to it.
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
