//! Reads and loads on a thread, for functions that are not `async`. Their values are kept in this process only, and the
//! caller's thread never waits for Redis.
//!
//! As long as Redis is in use, a value is kept only if this process hears of every removal that may cover it since its load
//! began ([`crate::redis`], `unstored`). Without Redis, and in an outage, the rules are those of all loads.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::shards::Shard;
use crate::cache::store::grace;
use crate::cache::{Cache, Demand, Hit, Request, STARTS, transaction};
use crate::common::random;
use crate::entry::policy::Policy;
use crate::entry::{Stamp, TypeOps};
use crate::key::CacheKey;
use crate::local::CLOSED_FENCE;
use crate::local::flight::{Flight, Joined, Lead, Outcome, Waited};
use crate::local::memory::{MemoryEntry, StoredValue, after};
use crate::redis::{Lease, Session};
use crate::telemetry::function::Function;
use crate::telemetry::outcome::Reason;
use crate::telemetry::spans;
use crate::telemetry::stats::{BY_HAND, bump};

/// The outcome of a read on a thread.
pub(crate) enum ThreadRead {
    Hit(Hit),
    /// The outcome of another call's load. `true`: the load had ended before this call joined it.
    Coalesced(Outcome, bool),
    /// The caller runs the body, and ends the load.
    Load(Box<ThreadLoad>),
    /// The caller runs the body, limited to a few at a time, after a load whose result could not be shared.
    RunLimited(Arc<Flight<Box<Lease>>>),
    /// The caller runs the body without the cache.
    RunUncached(Reason),
}

/// A load that the calling thread leads.
pub(crate) struct ThreadLoad {
    cache: Cache,
    lead: Lead<Box<Lease>>,
    key: CacheKey,
    ops: &'static TypeOps,
    function: Option<&'static Function>,
    policy: &'static Policy,
    /// Read before the load began; one that nothing passes if this process would not hear of all removals.
    fence: u64,
    /// The session with Redis when the load began, and what it knew of removals. `None` in an outage, or if no Redis is
    /// configured.
    begun: Option<(Session, Stamp)>,
    began: Instant,
}

impl Cache {
    /// Looks in memory, then joins the flight of the key on this thread.
    pub(crate) fn read_on_thread(&self, request: &Request<'_>) -> ThreadRead {
        let key = request.key.as_str();
        let why = transaction::may_be_due(self, key, request.tags, request.open_tags);
        if let Some(why) = why {
            return ThreadRead::RunUncached(why);
        }
        let loads_only = request.demand == Demand::OnlyALoad;
        for _ in 0..STARTS {
            if !loads_only && let Some(hit) = self.look_in_memory(request) {
                return ThreadRead::Hit(hit);
            }
            let shard = self.shard(key);
            if let Some(tier) = &shard.tier {
                tier.want_names();
                // Calls would wait for a load whose value none of them may have.
                if shard
                    .session_now()
                    .is_some_and(|session| !session.link.pushes)
                {
                    return ThreadRead::RunUncached(Reason::Unheard);
                }
            }
            let flights = &shard.local.threads;
            let waiter = match flights.join(request.key, request.tags, request.open_tags) {
                Joined::Lead(lead) => {
                    return ThreadRead::Load(self.begin_on_thread(lead, request, shard));
                }
                Joined::Other | Joined::Full => {
                    return ThreadRead::RunUncached(Reason::Contended);
                }
                Joined::Wait(waiter) => waiter,
            };
            let was_loaded = waiter.was_loaded();
            match waiter.block(loads_only) {
                None => return ThreadRead::RunUncached(Reason::Contended),
                Some(Waited::Shared(outcome)) => return ThreadRead::Coalesced(outcome, was_loaded),
                Some(Waited::Lead(lead)) => {
                    return ThreadRead::Load(self.begin_on_thread(lead, request, shard));
                }
                Some(Waited::Alone(flight, _)) => return ThreadRead::RunLimited(flight),
                Some(Waited::Again(_)) => {}
            }
        }
        ThreadRead::RunUncached(Reason::Contended)
    }

    fn begin_on_thread(
        &self,
        lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        shard: &Shard,
    ) -> Box<ThreadLoad> {
        // In this order, so that a switch, a message or a new ledger in between is noticed at the end.
        let fence = shard.local.fence();
        let session = shard.session_now();
        let hears = match &session {
            Some(session) => session.hears_names(),
            None => !shard.has_connection(),
        };
        let begun = session.map(|session| {
            let stamp = session.stamp(request.key.as_str());
            (session, stamp)
        });
        lead.begin();
        Box::new(ThreadLoad {
            cache: self.clone(),
            lead,
            key: request.key.clone(),
            ops: request.ops,
            function: request.function,
            policy: request.policy,
            fence: if hears { fence } else { CLOSED_FENCE },
            begun,
            began: Instant::now(),
        })
    }

    /// Removes the copy of one key from memory.
    pub(crate) fn forget(&self, key: &str) {
        self.shard(key).local.memory.remove(key);
    }
}

impl ThreadLoad {
    pub(crate) fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Whether the transaction of this call has begun to change what was loaded, while it was loaded.
    pub(crate) fn was_changed_meanwhile(&self, tags: &[String]) -> bool {
        transaction::is_due(&self.cache, self.key(), tags)
    }

    /// Runs the body. If it panics, a waiting thread leads the next load.
    pub(crate) fn run<T>(&self, body: impl FnOnce() -> T) -> T {
        let pulse = self.lead.flight().pulse();
        self.cache
            .time_on_thread(self.function, Some(self.key()), || pulse.drive_now(body))
    }

    /// Ends a load that returned a value (or an absence that is cached). Returns whether it is kept.
    pub(crate) fn store(self, kept: StoredValue, ttl: Duration, tags: Vec<String>) -> bool {
        let ttl = self.policy.with_jitter(ttl, random::fraction);
        let outcome = Outcome::Value(kept.clone());
        let bytes = kept.as_ref().map_or(0, |value| (self.ops.size)(&**value));
        // `usize::MAX` stands for a value that cannot be stored.
        if bytes > self.cache.inner.config.max_value_bytes || bytes == usize::MAX {
            bump(&self.cache.inner.counters.stores_refused);
            self.end(outcome, &tags);
            return false;
        }
        let now = Instant::now();
        let copy = MemoryEntry {
            ops: self.ops,
            template: self.key.template(),
            bytes,
            version: random::number(),
            ttl,
            took: self.began.elapsed(),
            expires: after(now, ttl.saturating_add(grace(&kept, self.policy))),
            filled: now,
            aged: Duration::ZERO,
            value: kept,
            tags: tags.clone().into(),
        };
        let (flight, key) = (self.lead.flight(), self.key.as_str());
        let local = &self.cache.shard(key).local;
        let filled = local.fill(flight, self.fence, key, copy, || self.still_holds(&tags));
        self.lead.settle(outcome, filled);
        filled
    }

    /// Ends a load whose value is not kept. `tags`: those of the value.
    pub(crate) fn end(self, outcome: Outcome, tags: &[String]) {
        let local = &self.cache.shard(self.key.as_str()).local;
        let sure =
            local.is_untouched(self.lead.flight(), self.fence, tags) && self.still_holds(tags);
        self.lead.settle(outcome, sure);
    }

    /// Whether the ledger knows of no removal that covers the value since its load began.
    fn still_holds(&self, tags: &[String]) -> bool {
        let Some((session, stamp)) = &self.begun else {
            return true;
        };
        let tags = tags.iter().map(String::as_str);
        session.is_current() && session.link.ledger.is_valid(stamp, self.key(), tags)
    }
}

impl Cache {
    /// Runs a body on this thread, in its span and counted.
    pub(crate) fn time_on_thread<T>(
        &self,
        function: Option<&'static Function>,
        key: Option<&str>,
        body: impl FnOnce() -> T,
    ) -> T {
        let (name, counters) = match function {
            Some(function) => (function.name, &function.counters),
            None => (spans::BY_HAND, &BY_HAND),
        };
        let watched = spans::BodyTimer::begin(name, key, [&self.inner.counters, counters]);
        let returned = watched.span().in_scope(body);
        #[cfg(feature = "testing")]
        if let Some(key) = key {
            crate::common::parked::until(self.inner.holds.pass(key));
        }
        returned
    }
}
