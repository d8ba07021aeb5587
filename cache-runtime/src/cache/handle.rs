//! The cache handle [`Cache`], and the read path, which is one function ([`Cache::read`]).

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::reply::Examined;
use super::wait::HolderWait;
use super::{Demand, Hit, ReadOutcome, Request};
use crate::cache::config::CacheConfig;
use crate::cache::shards::{Shard, Shards};
use crate::cache::transaction;
use crate::common::background::Background;
use crate::common::safeguard::{Safeguard, off};
use crate::common::sync::at_most;
use crate::entry::policy::{Decision, Near, Outage, Policy};
use crate::entry::type_ops;
use crate::error::Error;
use crate::key::{CacheKey, templates_meet};
use crate::local::backoff::Backoff;
use crate::local::failing::Failing;
use crate::local::flight::{Joined, Waited};
use crate::local::memory::MemoryEntry;
use crate::outage::switch::Reach;
use crate::redis::{Budget, Fault, Session, Tier};
#[cfg(feature = "axum")]
use crate::telemetry::history::History;
use crate::telemetry::hot_keys::Watch;
use crate::telemetry::instance::Instance;
use crate::telemetry::outcome::{HitTier, Reason};
use crate::telemetry::stats::{CacheStats, Counters};

/// How many times a call starts again because its key was removed while it waited. After that it runs the body itself:
/// a key that is removed faster than it loads cannot be cached, but must still be served.
pub(super) const STARTS: usize = 4;

/// A cache: memory in this process, and Redis as a second tier if one is configured.
///
/// A clone is cheap and refers to the same cache. Most programs use only the global cache ([`crate::cache()`]); the
/// `cache` option of the attribute selects another one.
#[derive(Clone)]
pub struct Cache {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: CacheConfig,
    pub(crate) shards: Shards,
    /// Background work on Redis: stores, lease renewals, lease releases.
    pub(crate) background: Arc<Background>,
    /// Loads that continue after their call has ended.
    pub(crate) loads: Arc<Background>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) absence_backoff: Backoff,
    /// Keys whose refreshes fail, which are not refreshed again at once.
    pub(crate) refresh_backoff: Backoff,
    /// Keys whose load has failed while an older value may be served instead.
    pub(crate) failing: Failing,
    pub(crate) watch: Watch,
    /// Whether a value of another program was reported.
    pub(crate) foreign_said: AtomicBool,
    #[cfg(feature = "axum")]
    pub(crate) history: History,
    pub(crate) instance: Instance,
    #[cfg(feature = "testing")]
    pub(crate) holds: crate::cache::holds::Holds,
}

/// The result of a `GET`.
pub(super) type Reply = Result<Option<Examined>, Fault>;

/// The result of a `GET` that a call sends itself, outside of a flight.
enum OwnRead {
    Hit(ReadOutcome),
    /// The `GET` was sent and found no usable entry. Boxed, because a hit does not carry it.
    Missed(Box<Reply>),
    NotSent,
}

impl Cache {
    /// Creates a new cache, independent of the global one. It connects to Redis lazily: this function neither waits
    /// nor needs a runtime.
    ///
    /// # Errors
    ///
    /// A setting is invalid. The message names it in one line, without credentials.
    pub fn new(config: CacheConfig) -> Result<Self, Error> {
        let config = config.validated()?;
        let target = config.target()?;
        if let (Some(target), Some(variable)) = (&target, config.redis_variable()) {
            tracing::info!(
                redis = %target,
                "the cache uses the Redis that {variable} names; if that is not meant for it, call CacheConfig::without_redis or redis_url"
            );
        }
        let counters = Arc::new(Counters::new());
        let background = Background::new(config.max_background);
        let loads = Background::new(config.max_background_loads);
        let shards = Shards::new(&config, target, &counters, &background)?;
        let cache = Self {
            inner: Arc::new(Inner {
                config,
                shards,
                background,
                loads,
                counters,
                absence_backoff: Backoff::new(),
                refresh_backoff: Backoff::new(),
                failing: Failing::new(),
                watch: Watch::default(),
                foreign_said: AtomicBool::new(false),
                #[cfg(feature = "axum")]
                history: History::default(),
                instance: Instance::new(),
                #[cfg(feature = "testing")]
                holds: crate::cache::holds::Holds::default(),
            }),
        };
        if !cache.is_enabled() {
            tracing::warn!(
                "the cache is switched off (CACHE_ENABLED): every call runs its body, and nothing is stored; removals are still made"
            );
        }
        if cache.why_not_read() == Some(Reason::Shadow) {
            tracing::warn!(
                "the cache is in shadow mode (CACHE_ENABLED=shadow): every call runs its body, and stored values are only compared \
                 with the results"
            );
        }
        for tier in cache.inner.shards.tiers() {
            cache.recognize_cluster(tier);
            tier.start();
        }
        Ok(cache)
    }

    /// Creates a cache that is switched off and knows no Redis: every call runs its body, and nothing is stored.
    ///
    /// For a test or a tool that must not see stored values. To switch off the cache of a service, use
    /// [`CacheConfig::enabled`] or `CACHE_ENABLED=off`: with its other settings, it still makes the removals that other
    /// processes rely on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use cache_runtime::{Cache, cached};
    ///
    /// #[cached(ttl = "1m", key = "square:<n>", cache = cache, skip(cache))]
    /// async fn square(cache: &Cache, n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let cache = Cache::disabled();
    /// assert_eq!((square(&cache, 3).await, square(&cache, 3).await), (9, 9));
    /// assert_eq!((cache.stats().loads, cache.stats().bypasses), (2, 2));
    /// # }
    /// ```
    #[must_use]
    pub fn disabled() -> Self {
        match Self::new(CacheConfig::default().enabled(false)) {
            Ok(cache) => cache,
            Err(_) => unreachable!("the defaults are valid; a unit test makes a cache of them"),
        }
    }

    /// Whether the cache is in use, and not switched off by [`CacheConfig::enabled`].
    #[inline] // it is on the path of a memory hit
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.config.enabled
    }

    /// Whether the cache stores and compares values, and serves none ([`CacheConfig::shadow`]).
    #[inline] // it is on the path of a memory hit
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.inner.config.shadow
    }

    /// Whether manual reads may be answered from the cache, and why not.
    pub(crate) fn why_not_read(&self) -> Option<Reason> {
        match (self.is_enabled(), self.is_shadow()) {
            (false, _) => Some(Reason::Off),
            (true, true) => Some(Reason::Shadow),
            (true, false) => None,
        }
    }

    /// If the server of the tier turns out to be a node of a cluster, the cache uses the cluster.
    fn recognize_cluster(&self, tier: &Tier) {
        let weak = Arc::downgrade(&self.inner);
        let failed = AtomicBool::new(false);
        tier.when_cluster(move || {
            if failed.load(Ordering::Relaxed) {
                return;
            }
            let Some(inner) = weak.upgrade() else { return };
            let Inner {
                shards,
                config,
                counters,
                background,
                ..
            } = &*inner;
            if let Err(error) = shards.become_cluster(config, counters, background) {
                failed.store(true, Ordering::Relaxed);
                tracing::error!(%error, "the Redis Cluster cannot be used, so calls use only memory: correct this and restart");
            }
        });
    }

    /// The counters since this cache was created.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.inner.counters.snapshot()
    }

    /// Waits up to `limit` for stores and journal replays that are under way, then closes the connection. Later calls
    /// do not use Redis. If Redis is unreachable, this waits for one more attempt to connect, at most a second.
    /// Outside of a tokio runtime it does not wait.
    pub async fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        // Work that is still running at the limit is abandoned: stores are optional, and removals are in the journal.
        at_most(limit, self.inner.loads.drained()).await;
        if self.inner.shards.have_redis() {
            let closing = self.inner.shards.tiers().map(|tier| tier.close(deadline));
            join_all(closing).await;
        } else {
            at_most(
                deadline.saturating_duration_since(Instant::now()),
                self.inner.background.drained(),
            )
            .await;
        }
    }

    /// The part of the cache that the key belongs to.
    #[inline] // it is on the path of a memory hit
    pub(crate) fn shard(&self, key: &str) -> &Shard {
        self.inner.shards.of(key)
    }

    /// The time that one call may wait for Redis.
    pub(crate) fn budget(&self) -> Budget {
        Budget::new(self.inner.config.budget)
    }

    /// The time that a background load may wait for Redis.
    pub(crate) fn background_budget(&self) -> Budget {
        Budget::new(self.inner.config.command_timeout)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The read path: looks in memory, then joins the flight of the key. The leader of the flight asks Redis; on a
    /// miss it takes a lease and loads.
    pub(crate) async fn read(&self, request: &Request<'_>, budget: &Budget) -> ReadOutcome {
        if let Some(why) = self.why_due(request) {
            return ReadOutcome::RunUncached(why);
        }
        let shard = self.shard(request.key.as_str());
        let mut waits = HolderWait::default();
        for _ in 0..STARTS {
            if let Some(hit) = self.look_in_memory(request) {
                return ReadOutcome::Hit(hit);
            }
            let session = shard.session(budget).await;
            let is_strict = is_strict(self.near(request), session.as_ref());
            // A server with a long round trip is asked only once: by the leader of the flight, who takes its lease in
            // the same round trip.
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
            let flights = &shard.local.flights;
            let waiter = match flights.join(request.key, request.tags, request.open_tags) {
                Joined::Lead(lead) => {
                    // Boxed, because calls that are answered by their own `GET` do not need it.
                    return Box::pin(self.lead(lead, request, budget, &mut waits, own)).await;
                }
                Joined::Other | Joined::Full => {
                    return ReadOutcome::RunUncached(Reason::Contended);
                }
                Joined::Wait(waiter) => waiter,
            };
            let was_loaded = waiter.was_loaded();
            let asks_late = joins_first && is_strict;
            // The stored value may be fresh enough for this call; then it need not wait for the new one.
            if asks_late || waiter.refreshes() && request.demand == Demand::Any {
                let asking = self.read_for_itself(request, shard.session_now(), budget);
                match Box::pin(asking).await {
                    OwnRead::Hit(hit) => return hit,
                    OwnRead::Missed(reply) if asks_late => own = Some(reply),
                    OwnRead::Missed(_) | OwnRead::NotSent => {}
                }
            }
            // A value that the flight read or stored before this call's own `GET` may have been removed before that
            // `GET`. So this call only accepts the result of a load that began later, or reads what was stored later.
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

    /// Reads a key for a call that runs its body in any case (shadow mode), and so does not wait for other loads. The call gets
    /// a value, or the right to store one, or neither.
    pub(crate) async fn read_without_waiting(
        &self,
        request: &Request<'_>,
        budget: &Budget,
    ) -> ReadOutcome {
        if let Some(why) = self.why_due(request) {
            return ReadOutcome::RunUncached(why);
        }
        if let Some(hit) = self.look_in_memory(request) {
            return ReadOutcome::Hit(hit);
        }
        let flights = &self.shard(request.key.as_str()).local.flights;
        match flights.join(request.key, request.tags, request.open_tags) {
            Joined::Lead(lead) => {
                let mut waits = HolderWait::none();
                Box::pin(self.lead(lead, request, budget, &mut waits, None)).await
            }
            Joined::Wait(_) | Joined::Other | Joined::Full => {
                ReadOutcome::RunUncached(Reason::Contended)
            }
        }
    }

    /// The stored value that may be served instead of a body that failed or is slow. It is looked up *now*, so that a
    /// value removed in the meantime is not served.
    pub(crate) async fn stale_value(&self, request: &Request<'_>, budget: &Budget) -> Option<Hit> {
        if self.why_due(request).is_some() {
            return None;
        }
        if let Some(hit) = self.look_in_memory(request) {
            return Some(hit);
        }
        self.hit_in_redis(request, budget).await
    }

    /// Like [`Cache::stale_value`], but always asks Redis: memory learns of a removal only when the push has arrived.
    pub(crate) async fn stale_value_in_redis(
        &self,
        request: &Request<'_>,
        budget: &Budget,
    ) -> Option<Hit> {
        if !self.inner.shards.have_redis() {
            return self.stale_value(request, budget).await;
        }
        if self.why_due(request).is_some() {
            return None;
        }
        self.hit_in_redis(request, budget).await
    }

    /// Why the call must neither use the stored value nor store one: it is inside of a transaction or a writer that changes
    /// it.
    fn why_due(&self, request: &Request<'_>) -> Option<Reason> {
        transaction::may_be_due(self, request.key.as_str(), request.tags, request.open_tags)
    }

    async fn hit_in_redis(&self, request: &Request<'_>, budget: &Budget) -> Option<Hit> {
        let session = self.shard(request.key.as_str()).session(budget).await?;
        let found = self.read_redis(request, &session, budget).await?;
        Some(found.hit())
    }

    /// Looks in memory. Its entries are valid while invalidation pushes arrive (each confirmation holds for two
    /// seconds); in an outage, only up to `outage_max_age`.
    pub(crate) fn look_in_memory(&self, request: &Request<'_>) -> Option<Hit> {
        // Read before the copy is taken: otherwise a copy from the outage could count as tracked because Redis is back
        // now.
        let now = Instant::now();
        let shard = self.shard(request.key.as_str());
        let reach = reach(shard, now);
        if reach == Some(Reach::Heard) && self.near(request) == Near::Off {
            return None;
        }
        let copy = shard.local.memory.get(request.key.as_str(), now)?;
        if transaction::is_due(self, request.key.as_str(), &copy.tags) {
            return None;
        }
        let fits = templates_meet(copy.template, request.key.template())
            && match &copy.value {
                Some(value) => (request.ops.is)(&**value),
                None => request.takes_none,
            };
        let may_serve = self.may_serve(&copy, reach, request, now);
        if !(fits && may_serve) {
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

    /// Whether memory holds a fresh copy, of any type, that a manual read may use now.
    pub(crate) fn is_in_memory(&self, key: &CacheKey) -> bool {
        let now = Instant::now();
        let shard = self.shard(key.as_str());
        let reach = reach(shard, now);
        let any = Request::plain(key, type_ops::<()>());
        let copy = shard.local.memory.get(key.as_str(), now);
        copy.is_some_and(|copy| self.may_serve(&copy, reach, &any, now) && copy.age() < copy.ttl)
    }

    #[inline] // it is on the path of a memory hit
    fn may_serve(
        &self,
        copy: &MemoryEntry,
        reach: Option<Reach>,
        request: &Request<'_>,
        now: Instant,
    ) -> bool {
        match reach {
            None => true,
            Some(Reach::Unheard) => false,
            Some(Reach::Heard) => match self.near(request) {
                Near::On => true,
                Near::Off => false,
                Near::AtMost(life) => now.saturating_duration_since(copy.filled) <= life,
            },
            // An entry that was current when the pushes stopped, or that was loaded later, is at most this old.
            Some(Reach::Away(since)) => {
                self.answers_in_outage(request.policy)
                    && now.saturating_duration_since(copy.filled.max(since))
                        <= self.inner.config.outage_max_age
            }
        }
    }

    /// Which values memory may serve while Redis is available.
    #[inline] // it is on the path of a memory hit
    pub(crate) fn near(&self, request: &Request<'_>) -> Near {
        request.near.unwrap_or(self.inner.config.near)
    }

    fn answers_in_outage(&self, policy: &Policy) -> bool {
        policy.outage.unwrap_or(self.inner.config.outage) == Outage::Memory
    }

    /// Sends a `GET` for this call alone, outside of the flight.
    async fn read_for_itself(
        &self,
        request: &Request<'_>,
        session: Option<Session>,
        budget: &Budget,
    ) -> OwnRead {
        let Some(session) = session else {
            return OwnRead::NotSent;
        };
        // Also checked before the `GET` is sent: journalled removals may be replayed while the reply is under way.
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
            reply => OwnRead::Missed(Box::new(reply)),
        }
    }

    /// Removes the key from memory, if Redis is in use: the push of Redis would do so a moment later, and this process
    /// need not wait for it. Without Redis, memory is the cache, and nothing is removed.
    pub(crate) fn remove_from_memory(&self, key: &str) {
        let shard = self.shard(key);
        if shard.has_connection() {
            shard.local.changed(key);
        }
    }

    pub(crate) fn count(&self, request: &Request<'_>, count: impl Fn(&Counters)) {
        count(&self.inner.counters);
        if let Some(function) = request.function {
            count(&function.counters);
        }
    }
}

/// Whether entries in memory are known to be current. `None`: there is no Redis, memory is the only tier.
#[inline]
fn reach(shard: &Shard, now: Instant) -> Option<Reach> {
    shard.tier.as_ref().map(|tier| tier.reach(now))
}

/// Whether the call must send its own `GET`, because it accepts no push delay: the reply to another call's `GET` may
/// be older than this call.
fn is_strict(near: Near, session: Option<&Session>) -> bool {
    let accepts_pushes = |session: &Session| session.link.pushes && near != Near::Off;
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

    /// Every layer that takes a future by value stores it twice. Once this made the future 5152 bytes, allocated and
    /// moved by each hit in Redis.
    #[test]
    fn what_a_hit_carries_stays_small() {
        let cache = Cache::new(CacheConfig::default()).unwrap();
        let key = CacheKey::new("a");
        let request = Request::plain(&key, crate::entry::type_ops::<u32>());
        let budget = cache.budget();
        let size = size_of_val(&cache.read(&request, &budget));
        // Up to 1032 bytes, glibc's allocator reuses freed blocks quickly; above, each allocation costs thousands of
        // instructions.
        assert!(size <= 1032, "{size} bytes");
        let flights = &cache.shard(key.as_str()).local.flights;
        let Joined::Lead(lead) = flights.join(&key, &[], &[]) else {
            panic!("nobody else leads");
        };
        let mut waits = HolderWait::default();
        let size = size_of_val(&cache.lead(lead, &request, &budget, &mut waits, None));
        assert!(size <= 1032, "{size} bytes for the leader");
    }
}
