//! What the bytes at a key mean to a reader, and which replies go into memory.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::{Cache, Hit, Request};

use crate::entry::policy::{Aged, Decision, Near};
use crate::entry::{self, CodecKind, Entry, Identity, Stamp, Stored, TypeOps};
use crate::key::templates_meet;
use crate::local::flight::Flight;
use crate::local::memory::{MemoryEntry, StoredValue, after};
use crate::redis::{Budget, Lease, Session, Validity};
use crate::telemetry::outcome::HitTier;
use crate::telemetry::stats::bump;

/// What the bytes at a key mean to a reader.
pub(super) enum Examined {
    /// Not boxed: a call that asks for itself takes the value out at once.
    Usable(Found),
    /// Past its TTL; it may be served if the body fails.
    Stale(Found),
    /// Too old to be served, but a refresh may keep it there in order to replace it.
    Expired(Identity),
    /// An entry of this cache that cannot be used; it may be replaced.
    Unusable(Identity),
    /// An entry that was removed; it may be replaced.
    Removed(Identity),
    /// A removal that covers it waits in the journal: it is neither used nor replaced.
    Shut,
    /// The lease of another load.
    Leased(Identity),
    Failed,
    Foreign,
}

pub(crate) struct Found {
    pub(crate) kept: StoredValue,
    pub(crate) identity: Identity,
    stamp: Stamp,
    template: u64,
    tags: Box<[String]>,
    bytes: usize,
    /// How much longer it can be served.
    remaining: Duration,
    pub(super) aged: Aged,
    decision: Decision,
}

impl Decision {
    pub(super) fn serves(self) -> bool {
        matches!(self, Self::Fresh | Self::Refresh | Self::Fallback)
    }
}

impl Found {
    pub(crate) fn hit(&self) -> Hit {
        self.hit_with(self.kept.clone())
    }

    pub(crate) fn into_hit(mut self) -> Hit {
        let kept = self.kept.take();
        self.hit_with(kept)
    }

    fn hit_with(&self, kept: StoredValue) -> Hit {
        Hit {
            kept,
            tier: HitTier::Redis,
            aged: self.aged,
            version: version_of(&self.identity),
            refresh: self.decision == Decision::Refresh,
        }
    }
}

/// A short form of a value's identity.
pub(crate) fn version_of(identity: &Identity) -> u64 {
    let [_, _, _, _, _, _, _, _, id @ ..] = identity;
    id.first_chunk().map_or(0, |id| u64::from_le_bytes(*id))
}

/// The age of the entry, by the server's clock.
fn aged(entry: &Entry<'_>, session: &Session) -> Aged {
    let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
    Aged {
        age: Duration::from_millis(now.saturating_sub(entry.written_ms)),
        ttl: Duration::from_millis(entry.ttl_ms),
        took: Duration::from_millis(u64::from(entry.load_ms)),
    }
}

/// How much longer this reader may be served the entry.
fn remaining(entry: &Entry<'_>, aged: Aged, request: &Request<'_>) -> Duration {
    let grace = if entry.none {
        Duration::ZERO
    } else {
        request.policy.grace()
    };
    aged.ttl.saturating_add(grace).saturating_sub(aged.age)
}

/// Decodes the payload. A type's own `Deserialize` may panic on a value that an older build has written.
fn decoded(payload: &[u8], ops: &TypeOps, codec: CodecKind) -> Option<Arc<dyn Any + Send + Sync>> {
    let decoding = || (ops.decode)(payload, codec);
    catch_unwind(AssertUnwindSafe(decoding)).ok()?.ok()
}

impl Cache {
    /// Stores a reply that Redis tracks for this connection in memory, unless a push has overtaken it.
    pub(crate) fn fill_memory(
        &self,
        flight: &Flight<Box<Lease>>,
        fence: u64,
        request: &Request<'_>,
        found: &Found,
        session: &Session,
    ) {
        if !session.link.pushes || self.near(request) == Near::Off {
            return;
        }
        let now = Instant::now();
        let copy = MemoryEntry {
            value: found.kept.clone(),
            ops: request.ops,
            template: found.template,
            tags: found.tags.clone(),
            bytes: found.bytes,
            version: version_of(&found.identity),
            ttl: found.aged.ttl,
            took: found.aged.took,
            expires: after(now, found.remaining),
            filled: now,
            aged: found.aged.age,
        };
        let key = request.key.as_str();
        // A push first updates the ledger and then clears memory, so a store in between sees the updated ledger.
        let stands = || {
            let tags = found.tags.iter().map(String::as_str);
            session.link.ledger.is_valid(&found.stamp, key, tags)
        };
        let local = &self.shard(key).local;
        local.fill(flight, fence, key, copy, stands);
    }

    /// Once for each cache, since whoever has one such value usually has many.
    fn warn_of_foreign_value(&self, request: &Request<'_>) {
        if !self.inner.foreign_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                function = request.function.map(|function| function.name),
                key = request.key.as_str(),
                "another program has a value at this key, so it is left alone and nothing is cached there: set CACHE_NAMESPACE, \
                 or delete that program's values. Further ones are only counted"
            );
        }
    }

    /// What the bytes at the key mean to this reader.
    pub(super) fn examine(
        &self,
        bytes: &[u8],
        request: &Request<'_>,
        session: &Session,
    ) -> Examined {
        let key = request.key.as_str();
        let known_tags = request.tags.iter().map(String::as_str);
        let entry = match entry::parse(bytes, session.namespace()) {
            Stored::Foreign => {
                self.count(request, |counters| bump(&counters.foreign));
                self.warn_of_foreign_value(request);
                return Examined::Foreign;
            }
            Stored::Lease { identity, stamp } => {
                // A server that restarts from a snapshot may hold leases without a holder; and a lease that a removal
                // covers is void.
                return match session.link.ledger.is_valid(&stamp, key, known_tags) {
                    true => Examined::Leased(identity),
                    false => Examined::Removed(identity),
                };
            }
            Stored::Failed => return Examined::Failed,
            Stored::Outdated { identity } => {
                self.count(request, |counters| bump(&counters.unusable));
                return Examined::Unusable(identity);
            }
            Stored::Entry(entry) => entry,
        };
        // The order matters: journalled removals may have been replayed over another connection meanwhile.
        if session.is_shut(key, entry.tags()) || !session.is_current() {
            return Examined::Shut;
        }
        let aged = aged(&entry, session);
        let decision = request.judge(aged, version_of(&entry.identity), entry.none);
        match session.link.ledger.judge(&entry.stamp, key, entry.tags()) {
            Validity::Valid => {}
            Validity::Removed => return Examined::Removed(entry.identity),
            Validity::OtherLedger => {
                self.count(request, |counters| bump(&counters.unusable));
                return Examined::Unusable(entry.identity);
            }
        }
        let fits = templates_meet(entry.template, request.key.template())
            && entry.stamp.key == entry::key_hash(key)
            && entry.fingerprint == (request.ops.fingerprint)()
            && (!entry.none || request.takes_none);
        if fits && decision == Decision::Refuse {
            return Examined::Expired(entry.identity);
        }
        let payload = (fits && !entry.none)
            .then(|| entry.unpacked(self.inner.config.max_value_bytes))
            .flatten();
        let kept = match &payload {
            Some(payload) => decoded(payload, request.ops, entry.codec).map(Some),
            None => (fits && entry.none).then_some(None),
        };
        let Some(kept) = kept else {
            self.count(request, |counters| bump(&counters.unusable));
            return Examined::Unusable(entry.identity);
        };
        let found = Found {
            kept,
            identity: entry.identity,
            stamp: entry.stamp,
            template: entry.template,
            tags: entry.tags().map(str::to_owned).collect(),
            // The size in memory: for a compressed payload, the size after decompression.
            bytes: payload.map_or(0, |payload| payload.len()),
            remaining: remaining(&entry, aged, request),
            aged,
            decision,
        };
        if decision.serves() {
            Examined::Usable(found)
        } else {
            Examined::Stale(found)
        }
    }

    /// Reads one key from Redis, without looking in memory, for a manual operation or a refresh.
    pub(crate) async fn read_redis(
        &self,
        request: &Request<'_>,
        session: &Session,
        budget: &Budget,
    ) -> Option<Found> {
        let key = request.key.as_str();
        if session.is_shut(key, request.tags.iter().map(String::as_str)) {
            return None;
        }
        let bytes = budget
            .spend_on(session, pin!(session.get(key)))
            .await
            .ok()??;
        self.read_bytes(&bytes, request, session)
    }

    pub(crate) fn read_bytes(
        &self,
        bytes: &[u8],
        request: &Request<'_>,
        session: &Session,
    ) -> Option<Found> {
        match self.examine(bytes, request, session) {
            Examined::Usable(found) => Some(found),
            _ => None,
        }
    }
}
