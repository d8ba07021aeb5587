//! A load that this call leads: keeps its lease alive, and ends in a store, a fill, or neither.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument as _;

use crate::cache::{Cache, Request};
use crate::entry::{self, CodecKind, Draft, TypeOps};
use crate::flight::{Flight, Hold, Lead, Outcome};
use crate::key::CacheKey;
use crate::memory::{Copy, Kept, after};
use crate::outcome::Why;
use crate::policy::Policy;
use crate::redis::{Budget, Lease, RENEW_EVERY, Sealed, Session, members};
use crate::spans;
use crate::stats::{BY_HAND, bump};
use crate::token;

pub(crate) struct Loading {
    cache: Cache,
    lead: Lead<Box<Lease>>,
    key: CacheKey,
    ops: &'static TypeOps,
    site: Option<&'static crate::site::Site>,
    /// Read before the load began: no switch between Redis and outage may have come since.
    fence: u64,
    /// The way to Redis when the load began; `None` in an outage, or where no Redis is configured.
    session: Option<Session>,
    began: Instant,
    /// Why it is loaded.
    why: Why,
}

impl Loading {
    pub(crate) fn new(
        cache: Cache,
        lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        fence: u64,
        session: Option<Session>,
        why: Why,
    ) -> Self {
        let (key, ops, site) = (request.key.clone(), request.ops, request.site);
        Self {
            cache,
            lead,
            key,
            ops,
            site,
            fence,
            session,
            began: Instant::now(),
            why,
        }
    }

    pub(crate) fn why(&self) -> Why {
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
    pub(crate) fn flight(&self) -> &Arc<Flight<Box<Lease>>> {
        self.lead.flight()
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lead.hold.as_deref()
    }

    /// Runs the body, renewing the lease while it does.
    ///
    /// Cancellation: dropping it drops the body; the lead, and the lease, go to a waiter or are given up.
    pub(crate) async fn run<F: Future>(&self, body: F) -> F::Output {
        let (function, counters) = match self.site {
            Some(site) => (site.name(), site.counters()),
            None => (spans::BY_HAND, &BY_HAND),
        };
        let counters = [&self.cache.inner.counters, counters];
        let watched = spans::Load::begin(function, Some(self.key()), counters);
        let mut body = std::pin::pin!(body.instrument(watched.span()));
        let Some(lease) = &self.lead.hold else {
            return body.await;
        };
        let mut renewals = tokio::time::interval_at(Instant::now() + RENEW_EVERY, RENEW_EVERY);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                output = &mut body => return output,
                _ = renewals.tick() => {
                    let lease = lease.clone();
                    lease.session.clone().spawn(async move {
                        // Lost or not: the store's compare-and-set decides.
                        let _ = lease.renew().await;
                    });
                }
            }
        }
    }

    /// The load gave a value (or an absence that is cached). The caller does not wait for the store.
    pub(crate) fn store(self, kept: Kept, ttl: Duration, tags: Vec<String>) {
        self.cache.inner.barren.fruitful(self.key.as_str());
        let ttl = self.policy().spread(ttl, token::fraction);
        let outcome = Outcome::Value(kept.clone());
        match (&self.lead.hold, &self.session) {
            (Some(_), _) => self.store_in_redis(outcome, kept, ttl, tags),
            (None, None) => self.keep_in_memory(outcome, kept, ttl, tags),
            // Redis is there, but gave no lease: no lease, no store, no verdict.
            (None, Some(_)) => self.lead.settle(outcome, false),
        }
    }

    /// A put's store, which its caller waits for. False: the entry must be removed instead.
    pub(crate) async fn store_through(
        mut self,
        kept: Kept,
        ttl: Duration,
        tags: Vec<String>,
        budget: &Budget,
    ) -> bool {
        let ttl = self.policy().spread(ttl, token::fraction);
        let outcome = Outcome::Value(kept.clone());
        // The lead keeps its own until the answer is there: a caller dropped before that gives it up.
        let Some(lease) = self.lead.hold.clone() else {
            if self.session.is_some() {
                self.lead.settle(outcome, false);
                return false;
            }
            let configured = self.cache.inner.tier.is_some();
            let sure = self.undisturbed();
            self.keep_in_memory(outcome, kept, ttl, tags);
            // In an outage Redis may still hold the entry from before: the removal is journalled, the copy goes with it.
            return sure && !configured;
        };
        let value = Value {
            kept: &kept,
            ops: self.ops,
            key: &self.key,
            policy: self.policy(),
            ttl,
            took: self.began.elapsed(),
            tags: &tags,
        };
        let Some((head, rest)) = value.seal(&self.cache, &lease) else {
            bump(&self.cache.inner.counters.stores_refused);
            self.lead.settle(outcome, false);
            return false;
        };
        let members = members(self.key.as_str(), &tags, &[]);
        let sealed = Sealed {
            head,
            rest: &rest,
            life: value.life(),
            members,
        };
        let stored = budget
            .spend_on(&lease.session, pin!(lease.store(&sealed)))
            .await
            .unwrap_or(false);
        let stored = stored && lease.session.is_current();
        self.lead.hold = None;
        bump(if stored {
            &self.cache.inner.counters.stores
        } else {
            &self.cache.inner.counters.stores_lost
        });
        if stored {
            self.cache.inner.local.memory.remove(self.key.as_str());
        }
        self.lead.settle(outcome, stored);
        stored
    }

    /// The load gave nothing to store: `None`, an error, something that must not be shared.
    pub(crate) fn end(mut self, outcome: Outcome, failed: bool) {
        let Some(lease) = self.lead.hold.take() else {
            let sure = self.session.is_none() && self.undisturbed();
            self.lead.settle(outcome, sure);
            return;
        };
        // Those who came before the load have their answer now; those who came during it wait for the verdict.
        self.lead.loaded(outcome.clone());
        let lead = self.lead;
        let mark = failed.then(|| entry::failed_head(token::random(), lease.session.origin()));
        let budget = self.cache.inner.config.budget;
        lease.session.clone().spawn(async move {
            let verdict =
                async { lease.release(mark).await.unwrap_or(false) && lease.session.is_current() };
            settle_within(budget, lead, outcome, verdict).await;
        });
    }

    fn store_in_redis(mut self, outcome: Outcome, kept: Kept, ttl: Duration, tags: Vec<String>) {
        let Some(lease) = self.lead.hold.take() else {
            return;
        };
        self.lead.loaded(outcome.clone());
        let Self {
            cache,
            lead,
            key,
            ops,
            site,
            began,
            ..
        } = self;
        let took = began.elapsed();
        let policy = site.map_or(&Policy::PLAIN, |site| &site.policy);
        lease.session.clone().spawn(async move {
            let count = |which: fn(&crate::stats::Counters) -> &std::sync::atomic::AtomicU64| {
                bump(which(&cache.inner.counters));
                if let Some(site) = site {
                    bump(which(site.counters()));
                }
            };
            let value = Value {
                kept: &kept,
                ops,
                key: &key,
                policy,
                ttl,
                took,
                tags: &tags,
            };
            let sealed = value.seal(&cache, &lease);
            let budget = cache.inner.config.budget;
            let verdict = async {
                match &sealed {
                    Some((head, rest)) => {
                        let members = members(key.as_str(), &tags, &[]);
                        let stored = lease
                            .store(&Sealed {
                                head: *head,
                                rest,
                                life: value.life(),
                                members,
                            })
                            .await;
                        match stored {
                            Ok(true) => count(|counters| &counters.stores),
                            Ok(false) => count(|counters| &counters.stores_lost),
                            Err(_) => {
                                count(|counters| &counters.stores_lost);
                                lease.clone().give_up();
                            }
                        }
                        // On a connection that was superseded the answer is another server's, and says nothing.
                        stored.unwrap_or(false) && lease.session.is_current()
                    }
                    None => {
                        count(|counters| &counters.stores_refused);
                        lease.release(None).await.unwrap_or(false) && lease.session.is_current()
                    }
                }
            };
            settle_within(budget, lead, outcome, verdict).await;
        });
    }

    /// Without Redis, memory is the cache.
    fn keep_in_memory(self, outcome: Outcome, kept: Kept, ttl: Duration, tags: Vec<String>) {
        let now = Instant::now();
        let bytes = kept.as_ref().map_or(0, |value| (self.ops.size)(&**value));
        if bytes <= self.cache.inner.config.max_value_bytes {
            let grace = grace(&kept, self.policy());
            let version = token::number();
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
            self.cache
                .inner
                .local
                .fill(self.lead.flight(), self.fence, self.key.as_str(), copy);
        } else {
            bump(&self.cache.inner.counters.stores_refused);
        }
        let sure = self.undisturbed();
        self.lead.settle(outcome, sure);
    }

    fn policy(&self) -> &'static Policy {
        self.site.map_or(&Policy::PLAIN, |site| &site.policy)
    }

    /// In an outage, or without Redis, this process's own removals are all that is known.
    fn undisturbed(&self) -> bool {
        !self.lead.flight().is_retired() && self.cache.inner.local.fence() == self.fence
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

/// A value on its way into an entry.
struct Value<'a> {
    kept: &'a Kept,
    ops: &'static TypeOps,
    key: &'a CacheKey,
    policy: &'static Policy,
    ttl: Duration,
    took: Duration,
    tags: &'a [String],
}

impl Value<'_> {
    /// The entry's head, and all that follows the time. `None`: too large, or the codec refused.
    fn seal(&self, cache: &Cache, lease: &Lease) -> Option<(entry::Head, Vec<u8>)> {
        let max = cache.inner.config.max_value_bytes;
        let (codec, payload) = match self.kept {
            Some(value) => self
                .ops
                .encode_as(&**value, self.policy.codec)
                .ok()
                .filter(|(_, payload)| payload.len() <= max)?,
            None => (CodecKind::Bincode, Vec::new()),
        };
        let packed = self
            .policy
            .compress
            .filter(|(_, from)| payload.len() >= *from)
            .and_then(|(how, _)| entry::pack(&payload, how).map(|packed| (how, packed)));
        let (packed, payload) = match packed {
            Some((how, packed)) => (Some(how), packed),
            None => (None, payload),
        };
        let draft = Draft {
            id: token::random(),
            origin: lease.session.origin(),
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            load_ms: u32::try_from(self.took.as_millis()).unwrap_or(u32::MAX),
            template: self.key.template(),
            fingerprint: (self.ops.fingerprint)(),
            codec,
            none: self.kept.is_none(),
            packed,
            tags: self.tags,
            payload: &payload,
        };
        Some(draft.seal())
    }

    /// How long it stands in Redis: past its ttl, for as long as it may be of use to somebody.
    fn life(&self) -> Duration {
        self.ttl.saturating_add(grace(self.kept, self.policy))
    }
}

/// An absence is never served past its time.
fn grace(kept: &Kept, policy: &Policy) -> Duration {
    kept.as_ref().map_or(Duration::ZERO, |_| policy.grace())
}

/// A store over the very entry that stands, so that whoever removes it removes the right to replace it.
pub(crate) struct Refresh {
    lease: Lease,
    began: Instant,
}

impl Refresh {
    /// `None`: nothing usable stands, Redis cannot be asked, or the new value may carry a tag that what stands does not.
    /// Such a tag is indexed by a lease only, and a removal that names it must take away the right to store.
    pub(crate) async fn over_standing(
        cache: &Cache,
        request: &Request<'_>,
        budget: &Budget,
    ) -> Option<Self> {
        let tier = cache.inner.tier.as_ref()?;
        let session = tier.session(budget).await?;
        let found = cache.read_redis(request, &session, budget).await?;
        if !request.open_tags.is_empty() || request.tags.iter().any(|tag| !found.tags.contains(tag))
        {
            return None;
        }
        let key = request.key.as_str().to_owned();
        let members = members(&key, &found.tags, &[]);
        Some(Self {
            lease: Lease {
                session,
                key,
                head: found.head,
                members,
                lock: None,
            },
            began: Instant::now(),
        })
    }

    pub(crate) async fn store(
        self,
        cache: &Cache,
        request: &Request<'_>,
        kept: Kept,
        ttl: Duration,
        tags: Vec<String>,
        budget: &Budget,
    ) {
        let key = request.key;
        let policy = request.site.map_or(&Policy::PLAIN, |site| &site.policy);
        let value = Value {
            kept: &kept,
            ops: request.ops,
            key,
            policy,
            ttl: policy.spread(ttl, token::fraction),
            took: self.began.elapsed(),
            tags: &tags,
        };
        let Some((head, rest)) = value.seal(cache, &self.lease) else {
            bump(&cache.inner.counters.stores_refused);
            return;
        };
        let members = members(key.as_str(), &tags, &[]);
        let sealed = Sealed {
            head,
            rest: &rest,
            life: value.life(),
            members,
        };
        match budget
            .spend_on(&self.lease.session, pin!(self.lease.store(&sealed)))
            .await
        {
            Ok(true) => bump(&cache.inner.counters.stores),
            _ => bump(&cache.inner.counters.stores_lost),
        }
        // Redis's own push says the same a moment later; this process need not wait for it.
        cache.inner.local.changed(key.as_str());
    }
}
