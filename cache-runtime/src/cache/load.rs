//! A load that this call leads: it keeps its lease alive, and ends in a store in Redis, a store in memory, or no
//! store.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::cache::store::{KnownRemovals, Store, grace};
use crate::cache::{Cache, Request, transaction};
use crate::common::random;
use crate::entry::policy::Policy;
use crate::entry::{self, TypeOps};
use crate::key::CacheKey;
use crate::local::flight::{Flight, Lead, Outcome};
use crate::local::memory::{MemoryEntry, StoredValue, after};
use crate::redis::{Budget, Lease, Removed, Session, SparedLoad};
use crate::telemetry::function::Function;
use crate::telemetry::outcome::Reason;
use crate::telemetry::spans;
use crate::telemetry::stats::{BY_HAND, bump};

pub(crate) struct Load {
    cache: Cache,
    lead: Lead<Box<Lease>>,
    key: CacheKey,
    ops: &'static TypeOps,
    function: Option<&'static Function>,
    policy: &'static Policy,
    /// Read before the load began: if it has changed since, there was a switch between Redis and outage.
    fence: u64,
    /// The session with Redis when the load began; `None` in an outage, or if no Redis is configured.
    session: Option<Session>,
    /// The removals known to this process when the load began, and those that the call itself has made since.
    known: KnownRemovals,
    began: Instant,
    /// Why the value is loaded.
    why: Reason,
}

/// The result of a store that its caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreResult {
    Stored,
    /// Nothing was sent: the key stays removed by the `put`.
    NotTried,
    /// It is unknown whether the entry is, or will be, stored: it must be removed.
    Unsure,
}

impl StoreResult {
    fn if_sure(sure: bool) -> Self {
        if sure { Self::Stored } else { Self::Unsure }
    }
}

impl Load {
    pub(crate) fn new(
        cache: Cache,
        lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        fence: u64,
        session: Option<Session>,
        why: Reason,
    ) -> Self {
        let (key, ops) = (request.key.clone(), request.ops);
        let known = KnownRemovals::when_a_load_begins(session.as_ref(), key.as_str());
        Self {
            cache,
            lead,
            key,
            ops,
            function: request.function,
            policy: request.policy,
            fence,
            session,
            known,
            began: Instant::now(),
            why,
        }
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<Box<Lease>>> {
        self.lead.flight()
    }

    pub(crate) fn reason(&self) -> Reason {
        self.why
    }

    pub(crate) fn cache_key(&self) -> &CacheKey {
        &self.key
    }

    pub(crate) fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Whether the load may store: it holds a lease, or Redis is not in use.
    pub(crate) fn may_store(&self) -> bool {
        self.lead.lease.is_some() || self.session.is_none()
    }

    /// Whether the transaction of this call has begun to change what was loaded, while it was loaded: others must not see
    /// that yet. `tags`: those of the value.
    pub(crate) fn was_changed_meanwhile(&self, tags: &[String]) -> bool {
        transaction::is_due(&self.cache, self.key(), tags)
    }

    /// The flight and lease of this load, which a removal made by the same call must not affect.
    pub(crate) fn spare(&self) -> SparedLoad<'_> {
        SparedLoad {
            flight: self.lead.flight(),
            lease: self.lead.lease.as_deref(),
            since: self.known.number(),
        }
    }

    /// Records a removal made by this call, which may cover its own key.
    pub(crate) fn has_removed(&self, removed: Removed) {
        self.known.add_own(removed);
    }

    /// Runs the body. Meanwhile a background task, the supervisor, renews the lease.
    ///
    /// Cancellation: dropping it drops the body; the lead and the lease pass to a waiter, or are given up.
    pub(crate) async fn run<F: Future>(&self, body: F) -> F::Output {
        let (function, counters) = match self.function {
            Some(function) => (function.name, &function.counters),
            None => (spans::BY_HAND, &BY_HAND),
        };
        let counters = [&self.cache.inner.counters, counters];
        let watched = spans::BodyTimer::begin(function, Some(self.key()), counters);
        let body = body.instrument(watched.span());
        #[cfg(feature = "testing")]
        let body = async {
            let returned = body.await;
            self.cache.inner.holds.pass(self.key()).await;
            returned
        };
        self.drive(body).await
    }

    /// Runs a part of the load other than the body. Meanwhile the supervisor renews the lease.
    pub(crate) async fn drive<F: Future>(&self, work: F) -> F::Output {
        let pulse = self.lead.flight().pulse();
        let lease = self.lead.lease.as_ref();
        let _renewed = lease.map(|lease| lease.renewed_during(pulse));
        pulse.drive(work).await
    }

    /// Ends a load that returned a value (or an absence that is cached). The caller does not wait for the store.
    pub(crate) fn store(self, kept: StoredValue, ttl: Duration, tags: Vec<String>) {
        self.cache
            .inner
            .absence_backoff
            .succeeded(self.key.as_str());
        let ttl = self.policy.with_jitter(ttl, random::fraction);
        let outcome = Outcome::Value(kept.clone());
        match (&self.lead.lease, &self.session) {
            (Some(_), _) => self.store_in_redis(outcome, kept, ttl, tags),
            (None, None) => self.keep_in_memory(outcome, kept, ttl, tags),
            // Redis is in use, but gave no lease: nothing is stored, and there is no verdict of a store.
            (None, Some(_)) => self.lead.settle(outcome, false),
        }
    }

    /// Ends the load of a `put`, whose caller waits for the store.
    pub(crate) async fn store_through(
        mut self,
        kept: StoredValue,
        ttl: Duration,
        tags: Vec<String>,
        budget: &Budget,
    ) -> StoreResult {
        let ttl = self.policy.with_jitter(ttl, random::fraction);
        let outcome = Outcome::Value(kept.clone());
        // The lead keeps its copy of the lease until the reply arrives: if the caller is dropped before, the lease is
        // given up.
        let Some(lease) = self.lead.lease.clone() else {
            if self.session.is_some() {
                self.lead.settle(outcome, false);
                return StoreResult::NotTried;
            }
            let configured = self.cache.inner.shards.have_redis();
            let sure = self.was_not_removed(&tags);
            self.keep_in_memory(outcome, kept, ttl, tags);
            // In an outage Redis may still hold the old entry: then its removal is journalled, and the copy in memory
            // is removed as well.
            return StoreResult::if_sure(sure && !configured);
        };
        let store = self.new_store(&lease, kept, ttl, tags);
        let stored = budget
            .spend_on(&lease.session, pin!(store.run(&self.known)))
            .await
            .unwrap_or(false);
        self.lead.lease = None;
        if stored {
            let key = self.key.as_str();
            self.cache.shard(key).local.memory.remove(key);
        }
        self.lead.settle(outcome, stored);
        StoreResult::if_sure(stored)
    }

    /// Ends a load that returned nothing to store: `None`, an error, or a value that must not be shared.
    pub(crate) fn end(mut self, outcome: Outcome, failed: bool) {
        let Some(lease) = self.lead.lease.take() else {
            let sure = self.session.is_none() && self.was_not_removed(&[]);
            self.lead.settle(outcome, sure);
            return;
        };
        // Calls that joined before the load get the outcome now; calls that joined during it wait for the verdict.
        // Calls that come later do not find this flight, because its outcome is not cached.
        self.lead.unlist();
        self.lead.loaded(outcome.clone());
        let Self {
            cache,
            lead,
            key,
            known,
            ..
        } = self;
        let budget = cache.inner.config.budget;
        lease.session.clone().spawn(async move {
            let session = &lease.session;
            let mark =
                failed.then(|| entry::failed_head(random::bytes(), session.stamp(key.as_str())));
            let verdict = async {
                let stood = lease.release(mark).await.unwrap_or(false);
                stood && known.still_hold(session, key.as_str(), &[]) && session.is_current()
            };
            settle_within(budget, lead, outcome, verdict).await;
        });
    }

    fn store_in_redis(
        mut self,
        outcome: Outcome,
        kept: StoredValue,
        ttl: Duration,
        tags: Vec<String>,
    ) {
        let Some(lease) = self.lead.lease.take() else {
            return;
        };
        self.lead.loaded(outcome.clone());
        let store = self.new_store(&lease, kept, ttl, tags);
        let budget = self.cache.inner.config.budget;
        let Self { lead, known, .. } = self;
        lease.session.clone().spawn(async move {
            let verdict = async { store.run(&known).await.unwrap_or(false) };
            settle_within(budget, lead, outcome, verdict).await;
        });
    }

    fn new_store(
        &self,
        lease: &Lease,
        kept: StoredValue,
        ttl: Duration,
        tags: Vec<String>,
    ) -> Store {
        Store {
            cache: self.cache.clone(),
            key: self.key.clone(),
            ops: self.ops,
            function: self.function,
            policy: self.policy,
            lease: lease.clone(),
            kept,
            ttl,
            took: self.began.elapsed(),
            tags,
        }
    }

    /// Stores the value in memory, which is the cache while Redis is not in use.
    fn keep_in_memory(self, outcome: Outcome, kept: StoredValue, ttl: Duration, tags: Vec<String>) {
        let now = Instant::now();
        let sure = self.was_not_removed(&tags);
        let bytes = kept.as_ref().map_or(0, |value| (self.ops.size)(&**value));
        // `usize::MAX` stands for a value that cannot be stored.
        if bytes <= self.cache.inner.config.max_value_bytes && bytes < usize::MAX {
            let grace = grace(&kept, self.policy);
            let version = random::number();
            let copy = MemoryEntry {
                value: kept,
                ops: self.ops,
                template: self.key.template(),
                tags: tags.into(),
                bytes,
                version,
                ttl,
                took: self.began.elapsed(),
                expires: after(now, ttl.saturating_add(grace)),
                filled: now,
                aged: Duration::ZERO,
            };
            let (flight, key) = (self.lead.flight(), self.key.as_str());
            let local = &self.cache.shard(key).local;
            local.fill(flight, self.fence, key, copy, || true);
        } else {
            bump(&self.cache.inner.counters.stores_refused);
        }
        self.lead.settle(outcome, sure);
    }

    /// Whether no removal of this process affected the load. In an outage, or without Redis, no other removals are
    /// known.
    fn was_not_removed(&self, tags: &[String]) -> bool {
        let local = &self.cache.shard(self.key.as_str()).local;
        !self.lead.flight().was_removed(tags) && local.fence() == self.fence
    }
}

/// Ends a flight with the verdict on its store, or without one after `budget`: waiters do not wait longer than for any
/// other reply of Redis. The store itself continues.
async fn settle_within(
    budget: Duration,
    lead: Lead<Box<Lease>>,
    outcome: Outcome,
    verdict: impl Future<Output = bool>,
) {
    let mut verdict = std::pin::pin!(verdict);
    match tokio::time::timeout(budget, &mut verdict).await {
        Ok(sure) => lead.settle(outcome, sure),
        Err(_) => {
            lead.settle(outcome, false);
            verdict.await;
        }
    }
}
