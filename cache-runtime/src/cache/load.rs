//! A load that this call leads: keeps its lease alive, and ends in a store, a fill, or neither.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::cache::store::{KnownRemovals, Store, grace};
use crate::cache::{Cache, Request};
use crate::common::random;
use crate::entry::policy::Policy;
use crate::entry::{self, TypeOps};
use crate::key::CacheKey;
use crate::local::flight::{Flight, Lead, Outcome};
use crate::local::memory::{Copy, Kept, after};
use crate::redis::{Budget, Lease, Removed, Session, Spare};
use crate::telemetry::function::Function;
use crate::telemetry::outcome::Reason;
use crate::telemetry::spans;
use crate::telemetry::stats::{BY_HAND, bump};

pub(crate) struct Loading {
    cache: Cache,
    lead: Lead<Box<Lease>>,
    key: CacheKey,
    ops: &'static TypeOps,
    function: Option<&'static Function>,
    policy: &'static Policy,
    /// Read before the load began: no switch between Redis and outage may have come since.
    fence: u64,
    /// The way to Redis when the load began; `None` in an outage, or where no Redis is configured.
    session: Option<Session>,
    /// Removals known to this process when the load began, and those that the call itself has made since.
    known: KnownRemovals,
    began: Instant,
    /// Reason it is loaded.
    why: Reason,
}

/// What came of a store that its caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredThrough {
    Stored,
    /// Nothing was sent: what the put has removed stays removed.
    NotTried,
    /// The entry may be there, or go, later: it must be removed.
    Unsure,
}

impl StoredThrough {
    fn if_sure(sure: bool) -> Self {
        if sure { Self::Stored } else { Self::Unsure }
    }
}

impl Loading {
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

    /// There is a lease to store under, or no Redis to ask for one.
    pub(crate) fn may_store(&self) -> bool {
        self.lead.hold.is_some() || self.session.is_none()
    }

    /// What a removal of this call's own must leave alone.
    pub(crate) fn spare(&self) -> Spare<'_> {
        Spare {
            flight: self.lead.flight(),
            lease: self.lead.hold.as_deref(),
            since: self.known.number(),
        }
    }

    /// The call itself has removed this, which may cover its own key.
    pub(crate) fn has_removed(&self, removed: Removed) {
        self.known.add_own(removed);
    }

    /// Runs the body. Meanwhile the supervisor renews the lease.
    ///
    /// Cancellation: dropping it drops the body; the lead, and the lease, go to a waiter or are given up.
    pub(crate) async fn run<F: Future>(&self, body: F) -> F::Output {
        let (function, counters) = match self.function {
            Some(function) => (function.name, &function.counters),
            None => (spans::BY_HAND, &BY_HAND),
        };
        let counters = [&self.cache.inner.counters, counters];
        let watched = spans::BodyTimer::begin(function, Some(self.key()), counters);
        self.drive(body.instrument(watched.span())).await
    }

    /// Runs a part of the load that is not the body. Meanwhile the supervisor renews the lease.
    pub(crate) async fn drive<F: Future>(&self, work: F) -> F::Output {
        let pulse = self.lead.flight().pulse();
        let lease = self.lead.hold.as_ref();
        let _renewed = lease.map(|lease| lease.renewed_during(pulse));
        pulse.drive(work).await
    }

    /// The load gave a value (or an absence that is cached). The caller does not wait for the store.
    pub(crate) fn store(self, kept: Kept, ttl: Duration, tags: Vec<String>) {
        self.cache
            .inner
            .absence_backoff
            .succeeded(self.key.as_str());
        let ttl = self.policy.spread(ttl, random::fraction);
        let outcome = Outcome::Value(kept.clone());
        match (&self.lead.hold, &self.session) {
            (Some(_), _) => self.store_in_redis(outcome, kept, ttl, tags),
            (None, None) => self.keep_in_memory(outcome, kept, ttl, tags),
            // Redis is there, but gave no lease: no lease, no store, no verdict.
            (None, Some(_)) => self.lead.settle(outcome, false),
        }
    }

    /// A put's store, which its caller waits for.
    pub(crate) async fn store_through(
        mut self,
        kept: Kept,
        ttl: Duration,
        tags: Vec<String>,
        budget: &Budget,
    ) -> StoredThrough {
        let ttl = self.policy.spread(ttl, random::fraction);
        let outcome = Outcome::Value(kept.clone());
        // The lead keeps its own until the answer is there: a caller dropped before that gives it up.
        let Some(lease) = self.lead.hold.clone() else {
            if self.session.is_some() {
                self.lead.settle(outcome, false);
                return StoredThrough::NotTried;
            }
            let configured = self.cache.inner.tier.is_some();
            let sure = self.undisturbed(&tags);
            self.keep_in_memory(outcome, kept, ttl, tags);
            // In an outage Redis may still hold the entry from before: the removal is journalled, the copy goes with it.
            return StoredThrough::if_sure(sure && !configured);
        };
        let store = self.a_store(&lease, kept, ttl, tags);
        let stored = budget
            .spend_on(&lease.session, pin!(store.run(&self.known)))
            .await
            .unwrap_or(false);
        self.lead.hold = None;
        if stored {
            self.cache.inner.local.memory.remove(self.key.as_str());
        }
        self.lead.settle(outcome, stored);
        StoredThrough::if_sure(stored)
    }

    /// The load gave nothing to store: `None`, an error, something that must not be shared.
    pub(crate) fn end(mut self, outcome: Outcome, failed: bool) {
        let Some(lease) = self.lead.hold.take() else {
            let sure = self.session.is_none() && self.undisturbed(&[]);
            self.lead.settle(outcome, sure);
            return;
        };
        // Those who came before the load have their answer now; those who came during it wait for the verdict. Who comes from
        // here on has come after it, and it is not cached.
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

    fn store_in_redis(mut self, outcome: Outcome, kept: Kept, ttl: Duration, tags: Vec<String>) {
        let Some(lease) = self.lead.hold.take() else {
            return;
        };
        self.lead.loaded(outcome.clone());
        let store = self.a_store(&lease, kept, ttl, tags);
        let budget = self.cache.inner.config.budget;
        let Self { lead, known, .. } = self;
        lease.session.clone().spawn(async move {
            let verdict = async { store.run(&known).await.unwrap_or(false) };
            settle_within(budget, lead, outcome, verdict).await;
        });
    }

    fn a_store(&self, lease: &Lease, kept: Kept, ttl: Duration, tags: Vec<String>) -> Store {
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

    /// Without Redis, memory is the cache.
    fn keep_in_memory(self, outcome: Outcome, kept: Kept, ttl: Duration, tags: Vec<String>) {
        let now = Instant::now();
        let sure = self.undisturbed(&tags);
        let bytes = kept.as_ref().map_or(0, |value| (self.ops.size)(&**value));
        if bytes <= self.cache.inner.config.max_value_bytes {
            let grace = grace(&kept, self.policy);
            let version = random::number();
            let copy = Copy {
                value: kept,
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
            let local = &self.cache.inner.local;
            local.fill(flight, self.fence, key, copy, || true);
        } else {
            bump(&self.cache.inner.counters.stores_refused);
        }
        self.lead.settle(outcome, sure);
    }

    /// In an outage, or without Redis, this process's own removals are all that is known.
    fn undisturbed(&self, tags: &[String]) -> bool {
        !self.lead.flight().is_disturbed(tags) && self.cache.inner.local.fence() == self.fence
    }
}

/// Ends a flight with the verdict on its store, or without one: nobody waits for it longer than for any other answer of
/// Redis. The store itself goes on.
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
