//! What the bytes at a key mean to a reader, and which replies go into memory.

use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::{Cache, Hit, Request};
use crate::entry::{self, Head, Stored};
use crate::flight::Flight;
use crate::key::templates_meet;
use crate::memory::{Copy, Kept, after};
use crate::outcome::HitTier;
use crate::policy::{Aged, Decision};
use crate::redis::{Budget, Lease, Session};
use crate::sabotage::{Safeguard, off};
use crate::site::Near;
use crate::stats::bump;

/// What the bytes at a key mean to a reader.
pub(super) enum Examined {
    Usable(Box<Found>),
    /// It may come in useful if the body fails.
    Standing(Box<Found>),
    /// Ours, but of no use: replaceable.
    Unusable(Head),
    /// Somebody else's lease.
    Leased(Head),
    Failed,
    Foreign,
}

pub(crate) struct Found {
    pub(crate) kept: Kept,
    pub(crate) head: Head,
    template: u64,
    pub(crate) tags: Box<[String]>,
    bytes: usize,
    /// How long it stays of use.
    remaining: Duration,
    aged: Aged,
    decision: Decision,
}

impl Decision {
    pub(super) fn serves(self) -> bool {
        matches!(self, Self::Fresh | Self::Refresh | Self::StandIn)
    }
}

impl Found {
    /// It may go on standing while its successor is loaded: nothing that the call removes, and no tag that only the
    /// successor carries, could take the successor's right to be stored away without taking this one.
    pub(super) fn can_stand(&self, request: &Request<'_>) -> bool {
        !request.removes && request.tags.iter().all(|tag| self.tags.contains(tag))
    }

    pub(crate) fn hit(&self) -> Hit {
        Hit {
            kept: self.kept.clone(),
            tier: HitTier::Redis,
            aged: self.aged,
            version: version(&self.head),
            refresh: self.decision == Decision::Refresh,
        }
    }
}

/// A value's identity, short.
fn version(head: &Head) -> u64 {
    let [_, _, _, _, _, _, _, _, id @ ..] = head;
    id.first_chunk().map_or(0, |id| u64::from_le_bytes(*id))
}

impl Cache {
    /// A reply that Redis tracks for us goes into memory, unless it was overtaken by a push.
    pub(crate) fn fill_near(
        &self,
        flight: &Flight<Box<Lease>>,
        fence: u64,
        request: &Request<'_>,
        found: &Found,
        session: &Session,
    ) {
        if !session.link.tracking || request.near == Near::Off {
            return;
        }
        // A flight that does not know the entry's tags is not retired by a removal that names one of them.
        if request.site.is_none() && !found.tags.is_empty() {
            return;
        }
        let now = Instant::now();
        let copy = Copy {
            value: found.kept.clone(),
            template: found.template,
            tags: found.tags.clone(),
            bytes: found.bytes,
            version: version(&found.head),
            ttl: found.aged.ttl,
            took: found.aged.took,
            expires: after(now, found.remaining),
            filled: now,
            aged: found.aged.age,
        };
        self.inner
            .local
            .fill(flight, fence, request.key.as_str(), copy);
    }

    /// What the bytes at the key mean to this reader.
    pub(super) fn examine(
        &self,
        bytes: &[u8],
        request: &Request<'_>,
        session: &Session,
    ) -> Examined {
        let run = session.link.run;
        let entry = match entry::parse(bytes) {
            Stored::Foreign => {
                self.count(request, |counters| bump(&counters.foreign));
                return Examined::Foreign;
            }
            Stored::Lease { head, run: planted } if planted == run || off(Safeguard::RunId) => {
                return Examined::Leased(head);
            }
            // A snapshot brings leases back as well; their holders are gone.
            Stored::Lease { head, .. } => return Examined::Unusable(head),
            Stored::Failed => return Examined::Failed,
            Stored::Outdated { head } => {
                self.count(request, |counters| bump(&counters.unusable));
                return Examined::Unusable(head);
            }
            Stored::Entry(entry) => entry,
        };
        let now = u64::try_from(session.link.server_millis()).unwrap_or(0);
        let aged = Aged {
            age: Duration::from_millis(now.saturating_sub(entry.written_ms)),
            ttl: Duration::from_millis(entry.ttl_ms),
            took: Duration::from_millis(u64::from(entry.load_ms)),
        };
        let decision = request.judge(aged, version(&entry.head), entry.none);
        if decision == Decision::Refuse {
            return Examined::Unusable(entry.head);
        }
        let current = session.trusts(entry.origin);
        let fits = templates_meet(entry.template, request.key.template())
            && entry.fingerprint == (request.ops.fingerprint)()
            && (!entry.none || request.takes_none);
        let payload = (current && fits && !entry.none)
            .then(|| entry.unpacked(self.inner.config.max_value_bytes))
            .flatten();
        let kept = match &payload {
            Some(payload) => (request.ops.decode)(payload, entry.codec).ok().map(Some),
            None if current && fits && entry.none => Some(None),
            None => None,
        };
        let Some(kept) = kept else {
            self.count(request, |counters| bump(&counters.unusable));
            return Examined::Unusable(entry.head);
        };
        let grace = if entry.none {
            Duration::ZERO
        } else {
            request.policy.grace()
        };
        let found = Box::new(Found {
            kept,
            head: entry.head,
            template: entry.template,
            tags: entry.tags().map(str::to_owned).collect(),
            // As they are in memory: what was compressed weighs what it grew to.
            bytes: payload.map_or(0, |payload| payload.len()),
            remaining: aged.ttl.saturating_add(grace).saturating_sub(aged.age),
            aged,
            decision,
        });
        if decision.serves() {
            Examined::Usable(found)
        } else {
            Examined::Standing(found)
        }
    }

    /// Reads one key of Redis for a manual operation or a refresh; memory is not asked.
    pub(crate) async fn read_redis(
        &self,
        request: &Request<'_>,
        session: &Session,
        budget: &Budget,
    ) -> Option<Box<Found>> {
        let bytes = budget
            .spend_on(session, pin!(session.get(request.key.as_str())))
            .await
            .ok()??;
        self.read_bytes(&bytes, request, session)
    }

    pub(crate) fn read_bytes(
        &self,
        bytes: &[u8],
        request: &Request<'_>,
        session: &Session,
    ) -> Option<Box<Found>> {
        match self.examine(bytes, request, session) {
            Examined::Usable(found) => Some(found),
            _ => None,
        }
    }
}
