//! The cache: a cheap handle, and the read path, told in one function ([`Cache::read`]).

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::reply::Examined;
use super::wait::Waits;
use super::{Demand, Hit, ReadOutcome, Request};
use crate::cache::config::CacheConfig;
use crate::cache::transaction;
use crate::common::background::Background;
use crate::common::safeguard::{Safeguard, off};
use crate::common::sync::at_most;
use crate::entry::policy::{Decision, Near};
use crate::entry::type_ops;
use crate::error::Error;
use crate::key::{CacheKey, templates_meet};
use crate::local::Local;
use crate::local::backoff::Backoff;
use crate::local::failing::Failing;
use crate::local::flight::{Joined, Waited};
use crate::local::memory::{Copy, Memory};
use crate::outage::switch::Reach;
use crate::redis::{Budget, Fault, Lease, Session, Tier};
use crate::telemetry::hot_keys::Watch;
use crate::telemetry::instance::Instance;
use crate::telemetry::outcome::{HitTier, Reason};
use crate::telemetry::stats::{CacheStats, Counters};

/// How often a caller starts over because its key was removed while it waited. Then it runs the body for itself: a key
/// that is removed faster than it loads is not cacheable, but it must be servable.
pub(super) const STARTS: usize = 4;

/// A cache: memory in this process, and Redis behind it where one is configured.
///
/// Cloning it is cheap and gives the same cache. Most programs use one, the global one ([`crate::cache()`]); the `cache`
/// option of the attribute names another.
#[derive(Clone)]
pub struct Cache {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: CacheConfig,
    pub(crate) local: Arc<Local<Box<Lease>>>,
    pub(crate) tier: Option<Arc<Tier>>,
    /// Stores, renewals, releases.
    pub(crate) background: Arc<Background>,
    /// Loads that outlive their calls.
    pub(crate) loads: Arc<Background>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) absence_backoff: Backoff,
    /// Keys whose refreshes fail.
    pub(crate) refresh_backoff: Backoff,
    /// Keys whose source has failed while something older may stand in.
    pub(crate) failing: Failing,
    pub(crate) watch: Watch,
    pub(crate) instance: Instance,
}

/// What a `GET` found.
pub(super) type Reply = Result<Option<Examined>, Fault>;

/// What came of a reader's own `GET`.
enum OwnRead {
    Hit(ReadOutcome),
    /// Sent, and nothing usable came back.
    Missed(Reply),
    NotSent,
}

impl Cache {
    /// Makes a cache of its own. Connecting to Redis is lazy: this neither waits nor needs a runtime.
    ///
    /// # Errors
    ///
    /// A setting that cannot be right, named in one line without credentials.
    pub fn new(config: CacheConfig) -> Result<Self, Error> {
        let config = config.validated()?;
        let target = config.target()?;
        let counters = Arc::new(Counters::new());
        let background = Background::new(config.max_background);
        let loads = Background::new(config.max_background_loads);
        let memory = Memory::new(config.max_entries, config.max_bytes);
        let local = Arc::new(Local::new(memory, config.max_flights, config.budget));
        let tier = target
            .map(|target| {
                Tier::new(
                    target,
                    config.redis_settings(),
                    local.clone(),
                    counters.clone(),
                    background.clone(),
                )
            })
            .transpose()?;
        if let Some(tier) = &tier {
            tier.start();
        }
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                local,
                tier,
                background,
                loads,
                counters,
                absence_backoff: Backoff::new(),
                refresh_backoff: Backoff::new(),
                failing: Failing::new(),
                watch: Watch::default(),
                instance: Instance::new(),
            }),
        })
    }

    /// Counts since the start.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.inner.counters.snapshot()
    }

    /// Waits for stores and replays that are under way, at most `limit`, then closes the connection. Calls made after it
    /// go without Redis. While Redis is away it waits for one more attempt to connect, a second at most. Outside of a tokio
    /// runtime it waits for nothing.
    pub async fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        // Nothing to do about what is still under way then: stores are optional, removals are in the journal.
        at_most(limit, self.inner.loads.drained()).await;
        match &self.inner.tier {
            Some(tier) => tier.close(deadline).await,
            None => {
                at_most(
                    deadline.saturating_duration_since(Instant::now()),
                    self.inner.background.drained(),
                )
                .await;
            }
        }
    }

    /// What one call may wait for Redis.
    pub(crate) fn budget(&self) -> Budget {
        Budget::new(self.inner.config.budget)
    }

    /// How long a load that no caller waits for may wait for Redis.
    pub(crate) fn background_budget(&self) -> Budget {
        Budget::new(self.inner.config.command_timeout)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The read path. Memory; else the key's flight; its leader asks Redis, then plants a lease and loads.
    pub(crate) async fn read(&self, request: &Request<'_>, budget: &Budget) -> ReadOutcome {
        if transaction::may_be_due(self, request.key.as_str(), request.tags, request.open_tags) {
            return ReadOutcome::RunUncached(Reason::InTransaction);
        }
        let mut waits = Waits::default();
        for _ in 0..STARTS {
            if let Some(hit) = self.recall(request) {
                return ReadOutcome::Hit(hit);
            }
            let session = match &self.inner.tier {
                Some(tier) => tier.session(budget).await,
                None => None,
            };
            let is_strict = is_strict(request, session.as_ref());
            // A far server is asked once: by the leader of a flight, who plants its lease in the same round trip.
            let joins_first = session
                .as_ref()
                .is_some_and(|session| session.is_far(budget));
            let mut own = None;
            match self
                .read_for_itself(
                    request,
                    session.filter(|_| is_strict && !joins_first),
                    budget,
                )
                .await
            {
                OwnRead::Hit(hit) => return hit,
                OwnRead::Missed(reply) => own = Some(reply),
                OwnRead::NotSent => {}
            }
            let waiter =
                match self
                    .inner
                    .local
                    .flights
                    .join(request.key, request.tags, request.open_tags)
                {
                    Joined::Lead(lead) => {
                        // In a box of its own: who has read for itself has no need of it.
                        return Box::pin(self.lead(lead, request, budget, &mut waits, own)).await;
                    }
                    Joined::Other | Joined::Full => {
                        return ReadOutcome::RunUncached(Reason::Contended);
                    }
                    Joined::Wait(waiter) => waiter,
                };
            let was_loaded = waiter.was_loaded();
            if joins_first && is_strict {
                let session = self.session_now();
                match self.read_for_itself(request, session, budget).await {
                    OwnRead::Hit(hit) => return hit,
                    OwnRead::Missed(reply) => own = Some(reply),
                    OwnRead::NotSent => {}
                }
            } else if waiter.refreshes() && request.demand == Demand::Any {
                // The standing value may be fresh enough for this reader; then it need not wait for the new one.
                let asking = self.read_for_itself(request, self.session_now(), budget);
                if let OwnRead::Hit(hit) = Box::pin(asking).await {
                    return hit;
                }
            }
            // What a flight read or stored before this reader's own `GET` may have been removed before it, too: then
            // only a load that began later is shared, and what was stored later is read.
            let waited = if own.is_some() || request.demand == Demand::OnlyALoad {
                waiter.wait_for_load().await
            } else {
                waiter.wait().await
            };
            match waited {
                Waited::Shared(outcome) => return ReadOutcome::Coalesced(outcome, was_loaded),
                Waited::Lead(lead) => {
                    return Box::pin(self.lead(lead, request, budget, &mut waits, None)).await;
                }
                Waited::Alone(flight, failed) => return ReadOutcome::RunLimited(flight, failed),
                Waited::Again(verdict) => budget.charge(verdict),
            }
        }
        ReadOutcome::RunUncached(Reason::Contended)
    }

    fn session_now(&self) -> Option<Session> {
        self.inner.tier.as_ref()?.session_now()
    }

    /// A value that may stand in for a body that failed or is slow, as it stands *now*: what was removed meanwhile stands
    /// in for nothing.
    pub(crate) async fn stale_value(&self, request: &Request<'_>, budget: &Budget) -> Option<Hit> {
        if transaction::may_be_due(self, request.key.as_str(), request.tags, request.open_tags) {
            return None;
        }
        if let Some(hit) = self.recall(request) {
            return Some(hit);
        }
        let tier = self.inner.tier.as_ref()?;
        let session = tier.session(budget).await?;
        let found = self.read_redis(request, &session, budget).await?;
        Some(found.hit())
    }

    /// The same, and Redis is asked whatever memory holds: memory may lag behind it by a push.
    pub(crate) async fn stale_value_in_redis(
        &self,
        request: &Request<'_>,
        budget: &Budget,
    ) -> Option<Hit> {
        let Some(tier) = &self.inner.tier else {
            return self.stale_value(request, budget).await;
        };
        let session = tier.session(budget).await?;
        let found = self.read_redis(request, &session, budget).await?;
        Some(found.hit())
    }

    /// Memory, as far as it may speak: while Redis's pushes reach it, which is known for two seconds at a time, and for a
    /// while when Redis is away.
    pub(crate) fn recall(&self, request: &Request<'_>) -> Option<Hit> {
        // Before the copy is taken: one from the outage must not pass for a tracked one because Redis is back now.
        let now = Instant::now();
        let reach = self.reach(now);
        if reach == Some(Reach::Heard) && request.near == Near::Off {
            return None;
        }
        let copy = self.inner.local.memory.get(request.key.as_str(), now)?;
        if transaction::is_due(self, request.key.as_str(), &copy.tags) {
            return None;
        }
        let fits = templates_meet(copy.template, request.key.template())
            && match &copy.value {
                Some(value) => (request.ops.is)(&**value),
                None => request.takes_none,
            };
        let may_speak = self.may_speak(&copy, reach, request, now);
        if !(fits && may_speak) {
            return None;
        }
        let aged = copy.at(now);
        let decision = request.judge(aged, copy.version, copy.value.is_none());
        decision.serves().then(|| Hit {
            kept: copy.value.clone(),
            tier: HitTier::Memory,
            aged,
            version: copy.version,
            refresh: decision == Decision::Refresh,
        })
    }

    /// A copy in memory that a read by hand may have now, whatever its type, and that is fresh.
    pub(crate) fn is_remembered(&self, key: &CacheKey) -> bool {
        let now = Instant::now();
        let reach = self.reach(now);
        let any = Request::plain(key, type_ops::<()>());
        let copy = self.inner.local.memory.get(key.as_str(), now);
        copy.is_some_and(|copy| self.may_speak(&copy, reach, &any, now) && copy.age() < copy.ttl)
    }

    /// How far memory may be believed. `None`: it is all there is.
    fn reach(&self, now: Instant) -> Option<Reach> {
        self.inner.tier.as_ref().map(|tier| tier.reach(now))
    }

    fn may_speak(
        &self,
        copy: &Copy,
        reach: Option<Reach>,
        request: &Request<'_>,
        now: Instant,
    ) -> bool {
        match reach {
            None => true,
            Some(Reach::Unheard) => false,
            Some(Reach::Heard) => match request.near {
                Near::On => true,
                Near::Off => false,
                Near::AtMost(life) => now.saturating_duration_since(copy.filled) <= life,
            },
            // What was current when the pushes stopped, or was loaded later, is known to be no older than this.
            Some(Reach::Away(since)) => {
                request.policy.memory_in_outage
                    && now.saturating_duration_since(copy.filled.max(since))
                        <= self.inner.config.outage_max_age
            }
        }
    }

    /// A `GET` of the reader's own.
    async fn read_for_itself(
        &self,
        request: &Request<'_>,
        session: Option<Session>,
        budget: &Budget,
    ) -> OwnRead {
        let Some(session) = session else {
            return OwnRead::NotSent;
        };
        // Before it is sent, too: what waits may be replayed while the reply is under way.
        if session.is_shut(
            request.key.as_str(),
            request.tags.iter().map(String::as_str),
        ) {
            return OwnRead::NotSent;
        }
        let got = budget
            .spend_on(&session, pin!(session.get(request.key.as_str())))
            .await;
        match got.map(|bytes| bytes.map(|bytes| self.examine(&bytes, request, &session))) {
            Ok(Some(Examined::Usable(found))) => OwnRead::Hit(ReadOutcome::Hit(found.into_hit())),
            reply => OwnRead::Missed(reply),
        }
    }

    /// Redis's own push says that the key has changed, a moment later; this process need not wait for it. Without Redis the
    /// memory tier is the cache.
    pub(crate) fn forget_near(&self, key: &str) {
        let tier = self.inner.tier.as_ref();
        if tier.is_some_and(|tier| tier.session_now().is_some()) {
            self.inner.local.changed(key);
        }
    }

    pub(crate) fn count(&self, request: &Request<'_>, count: impl Fn(&Counters)) {
        count(&self.inner.counters);
        if let Some(function) = request.function {
            count(&function.counters);
        }
    }
}

/// A reader that accepts no push delay asks Redis itself: a reply to somebody else's question may be older than it is.
fn is_strict(request: &Request<'_>, session: Option<&Session>) -> bool {
    let accepts_pushes = |session: &Session| session.link.pushes && request.near != Near::Off;
    session.is_some_and(|session| !accepts_pushes(session)) && !off(Safeguard::OwnGet)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every layer that takes a future by value holds it twice; once that had made this 5152 bytes, which each hit in
    /// Redis allocated and moved.
    #[test]
    fn what_a_hit_carries_stays_small() {
        let cache = Cache::new(CacheConfig::default()).unwrap();
        let key = CacheKey::new("a");
        let request = Request::plain(&key, crate::entry::type_ops::<u32>());
        let budget = cache.budget();
        let size = size_of_val(&cache.read(&request, &budget));
        // Up to 1032 bytes glibc's allocator keeps freed blocks at hand; beyond, each costs thousands of instructions.
        assert!(size <= 1032, "{size} bytes");
    }
}
