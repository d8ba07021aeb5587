//! Storing a value in Redis: the removal number that it gets, what it replaces, and whether it is still valid
//! afterwards.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;

use crate::cache::Cache;
use crate::common::random;
use crate::entry::policy::Policy;
use crate::entry::{self, CodecKind, Draft, Head, Stamp, TypeOps};
use crate::key::CacheKey;
use crate::local::flight::HeldLease;
use crate::local::memory::StoredValue;
use crate::redis::{Fault, Lease, OwnRemoval, Recorded, Removed, Sealed, Session};
use crate::telemetry::function::Function;
use crate::telemetry::stats::{Counters, bump};

/// The removals that were known when a load began, and those that its own call has made since.
#[derive(Debug)]
pub(crate) struct KnownRemovals {
    stamp: Stamp,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    recorded: Vec<Recorded>,
    /// As long as these are kept, the pushes about these removals do not affect the load.
    spares: Vec<OwnRemoval>,
}

impl KnownRemovals {
    /// Created when a load begins. `session`: `None` in an outage, when nothing is written.
    pub(crate) fn when_a_load_begins(session: Option<&Session>, key: &str) -> Self {
        let stamp = session.map_or_else(Stamp::default, |session| session.stamp(key));
        Self {
            stamp,
            own: Mutex::default(),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.stamp.number
    }

    /// Records a removal made by this call, which may cover its own key.
    pub(crate) fn add_own(&self, removed: Removed) {
        let mut own = self.own.lock();
        own.recorded.extend(removed.recorded);
        own.spares.extend(removed.own);
    }

    /// The stamp with which the load's result, with these tags, may be stored. `None`: it has been removed meanwhile.
    ///
    /// If the call itself has made a removal that covers its own key, and no other removal has, the result gets the
    /// number of that removal.
    fn stamp(&self, session: &Session, key: &str, tags: &[String]) -> Option<Stamp> {
        let ledger = &session.link.ledger;
        let tags = tags.iter().map(String::as_str);
        let own = self.own.lock();
        if let Some(number) = ledger.lifted(&self.stamp, &own.recorded, key, tags.clone()) {
            return Some(Stamp {
                number,
                ..self.stamp
            });
        }
        ledger
            .is_valid(&self.stamp, key, tags)
            .then_some(self.stamp)
    }

    /// Whether the load's result is still valid: no removal but the call's own has covered it.
    pub(crate) fn still_hold(&self, session: &Session, key: &str, tags: &[String]) -> bool {
        self.stamp(session, key, tags)
            .is_some_and(|stamp| session.is_valid(&stamp, key, tags.iter().map(String::as_str)))
    }
}

/// A value that is to replace a lease, or the entry that a refresh has read.
pub(crate) struct Store {
    pub(crate) cache: Cache,
    pub(crate) key: CacheKey,
    pub(crate) ops: &'static TypeOps,
    pub(crate) function: Option<&'static Function>,
    pub(crate) policy: &'static Policy,
    pub(crate) lease: Lease,
    pub(crate) kept: StoredValue,
    pub(crate) ttl: Duration,
    /// The duration of the load.
    pub(crate) took: Duration,
    pub(crate) tags: Vec<String>,
}

impl Store {
    /// Stores the value, and returns whether it is still valid: the lease was held to the end, no removal that covers
    /// the value has come since its load began, and the connection is still the current one. On another connection,
    /// the reply may come from another server or be outdated.
    pub(crate) async fn run(&self, known: &KnownRemovals) -> Result<bool, Fault> {
        let session = &self.lease.session;
        let key = self.key.as_str();
        let Some(stamp) = known.stamp(session, key, &self.tags) else {
            self.count(|counters| &counters.stores_lost);
            self.lease.release(None).await?;
            return Ok(false);
        };
        let stood = match self.seal(stamp) {
            Some((head, rest)) => self.replace(head, &rest).await?,
            None => {
                self.count(|counters| &counters.stores_refused);
                self.lease.release(None).await?
            }
        };
        let tags = self.tags.iter().map(String::as_str);
        // The order matters: journalled removals may have been replayed over another connection meanwhile.
        Ok(stood && session.is_valid(&stamp, key, tags) && session.is_current())
    }

    async fn replace(&self, head: Head, rest: &[u8]) -> Result<bool, Fault> {
        let sealed = Sealed {
            head,
            rest,
            life: self.ttl.saturating_add(grace(&self.kept, self.policy)),
            tags: &self.tags,
        };
        let stored = self.lease.store(&sealed).await;
        self.count(match stored {
            Ok(true) => |counters| &counters.stores,
            Ok(false) | Err(_) => |counters| &counters.stores_lost,
        });
        if stored.is_err() {
            self.lease.clone().give_up();
        }
        stored
    }

    /// The entry's head, and everything after the time. `None`: the value is too large, or cannot be encoded.
    fn seal(&self, stamp: Stamp) -> Option<(Head, Vec<u8>)> {
        let max = self.cache.inner.config.max_value_bytes;
        let policy = self.policy;
        let (codec, payload) = match &self.kept {
            Some(value) => self
                .ops
                .encode_as(&**value, policy.codec)
                .ok()
                .filter(|(_, payload)| payload.len() <= max)?,
            None => (CodecKind::DEFAULT, Vec::new()),
        };
        let packed = policy
            .compress
            .filter(|(_, from)| payload.len() >= *from)
            .and_then(|(how, _)| entry::pack(&payload, how).map(|packed| (how, packed)));
        let (packed, payload) = match packed {
            Some((how, packed)) => (Some(how), packed),
            None => (None, payload),
        };
        let draft = Draft {
            id: random::bytes(),
            stamp,
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            load_ms: u32::try_from(self.took.as_millis()).unwrap_or(u32::MAX),
            template: self.key.template(),
            fingerprint: (self.ops.fingerprint)(),
            codec,
            none: self.kept.is_none(),
            packed,
            tags: &self.tags,
            payload: &payload,
        };
        Some(draft.seal())
    }

    fn count(&self, which: fn(&Counters) -> &AtomicU64) {
        bump(which(&self.cache.inner.counters));
        if let Some(function) = self.function {
            bump(which(&function.counters));
        }
    }
}

/// How long a value stays in Redis after its TTL, because it may still be served stale. A cached absence is never
/// served stale.
pub(crate) fn grace(kept: &StoredValue, policy: &Policy) -> Duration {
    kept.as_ref().map_or(Duration::ZERO, |_| policy.grace())
}
