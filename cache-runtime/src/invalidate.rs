//! What a removal does: Redis, else the journal; then memory and the flights; then the answer.
//!
//! The local pass must follow the one in Redis: a reader in between would bring the old value back. The pass before it
//! only makes this process's readers prompt.

use serde::Serialize;
use std::pin::pin;
use tracing::Instrument as _;

use crate::cache::Cache;
use crate::deferred;
use crate::error::Error;
use crate::flight::Flight;
use crate::key::{CacheKey, Pattern};
use crate::redis::{Fault, Lease, Session};
use crate::sabotage::{Safeguard, off};
use crate::spans;
use crate::stats::bump;

/// What an invalidation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "a `queued` invalidation does not bind other processes yet"]
pub struct Invalidation {
    /// Entries really removed: from Redis, or from memory where that is all there is.
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
    /// Nobody yet: it runs when the surrounding [`crate::deferred`] scope has ended well.
    Deferred,
    /// This process, at once. The others when Redis is back; before this process reads Redis again.
    Queued,
}

impl Durability {
    fn as_str(self) -> &'static str {
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

impl Cache {
    /// Removes one key. Never fails: what Redis cannot be told now is journalled.
    ///
    /// Cancellation: once polled, a dropped removal is journalled.
    pub async fn delete(&self, key: impl Into<CacheKey>) -> Invalidation {
        self.remove(vec![Pattern::key(&key.into())], None).await
    }

    /// Removes every key that begins with the text; `""` is everything.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let cache = cache_runtime::Cache::new(Default::default()).unwrap();
    /// cache.set("jobs:list:0", &1, std::time::Duration::from_secs(60)).await.unwrap();
    /// assert_eq!(cache.invalidate_prefix("jobs:").await.removed, 1);
    /// # }
    /// ```
    pub async fn invalidate_prefix(&self, prefix: &str) -> Invalidation {
        self.remove(vec![Pattern::Prefix(prefix.to_owned())], None)
            .await
    }

    /// Removes what a pattern names: `jobs:` everything below it, `jobs:stats` that key and everything below it, `*` any
    /// text, `#author:7` a tag.
    ///
    /// # Errors
    ///
    /// A pattern that is refused; nothing was removed then.
    pub async fn invalidate_pattern(&self, pattern: &str) -> Result<Invalidation, Error> {
        let pattern = Pattern::parse(pattern).map_err(|why| Error::pattern(why.to_string()))?;
        Ok(self.remove(vec![pattern], None).await)
    }

    /// Removes every entry that carries the tag.
    pub async fn invalidate_tag(&self, tag: &str) -> Invalidation {
        self.remove(vec![Pattern::tag(tag)], None).await
    }

    /// Removes every entry that carries all of the tags: `["author:7", "draft"]` leaves author 7's other articles alone.
    /// A load that may come to carry them is not stored.
    pub async fn invalidate_all_tags(&self, tags: &[&str]) -> Invalidation {
        self.remove(vec![Pattern::all_tags(tags)], None).await
    }

    /// Removes everything of this cache's namespace, and nothing that is not ours.
    pub async fn clear(&self) -> Invalidation {
        self.remove(vec![Pattern::all()], None).await
    }

    /// All removals come here. `spared`: the load on whose behalf it runs, and its lease.
    pub(crate) async fn remove(
        &self,
        patterns: Vec<Pattern>,
        spared: Option<Spare<'_>>,
    ) -> Invalidation {
        if let Some(deferred) = deferred::defer(self, &patterns) {
            return deferred;
        }
        let span = spans::invalidate(&patterns);
        let removing = self.remove_now(patterns, spared);
        let invalidation = removing.instrument(span.clone()).await;
        span.record("cache.removed", invalidation.removed);
        span.record("cache.durability", invalidation.durability.as_str());
        invalidation
    }

    async fn remove_now(&self, patterns: Vec<Pattern>, spared: Option<Spare<'_>>) -> Invalidation {
        let mut due = Due::new(self, patterns);
        let inner = &self.inner;
        bump(&inner.counters.invalidations);
        let flight = spared.map(|spare| spare.flight);
        let removed_here = inner.local.remove(&due.patterns, flight);
        let Some(tier) = &inner.tier else {
            due.done();
            inner
                .counters
                .removed
                .fetch_add(removed_here, std::sync::atomic::Ordering::Relaxed);
            let invalidation = Invalidation {
                removed: removed_here,
                durability: Durability::Durable,
            };
            inner.watch.removed(&due.patterns, invalidation);
            return invalidation;
        };
        let budget = self.budget();
        let acknowledged = match tier.session(&budget).await {
            None => None,
            Some(session) => {
                // An invalidation has its own budget, whatever the wait for the first connect took.
                let lease = spared
                    .and_then(|spare| spare.lease)
                    .filter(|lease| lease.session.link.run == session.link.run);
                let removal = remove_all(&session, &due.patterns, lease);
                let removed = self.budget().spend_on(&session, pin!(removal)).await;
                removed
                    .ok()
                    .filter(|_| tier.acknowledged(&session.link, &due.patterns))
            }
        };
        let invalidation = match acknowledged {
            Some(removed) => {
                if !off(Safeguard::LocalPass) {
                    inner.local.remove(&due.patterns, flight);
                }
                Invalidation {
                    removed,
                    durability: Durability::Durable,
                }
            }
            None => {
                // Its outcome may be unknown: then it runs again, before this process reads Redis again.
                tier.journal(&due.patterns);
                inner.local.remove(&due.patterns, flight);
                Invalidation {
                    removed: removed_here,
                    durability: Durability::Queued,
                }
            }
        };
        due.done();
        inner
            .counters
            .removed
            .fetch_add(invalidation.removed, std::sync::atomic::Ordering::Relaxed);
        inner.watch.removed(&due.patterns, invalidation);
        invalidation
    }

    /// For a caller that vanished: binds this process before it returns, without awaiting anything.
    pub(crate) fn remove_without_waiting(&self, patterns: &[Pattern]) {
        if deferred::defer(self, patterns).is_some() {
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

/// What a call's own removal leaves alone.
#[derive(Clone, Copy)]
pub(crate) struct Spare<'a> {
    pub(crate) flight: &'a Flight<Box<Lease>>,
    pub(crate) lease: Option<&'a Lease>,
}

async fn remove_all(
    session: &Session,
    patterns: &[Pattern],
    lease: Option<&Lease>,
) -> Result<u64, Fault> {
    let spared = lease.map(|lease| (lease.key.as_str(), &lease.head));
    let mut removed = 0;
    for pattern in patterns {
        removed += session.remove(pattern, spared).await?;
    }
    Ok(removed)
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
