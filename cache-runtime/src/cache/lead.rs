//! The leader's way of a read: Redis, or a lease, or a load without one.

use std::pin::pin;
use std::time::Duration;

use super::examine::{Examined, Found};
use super::waits::Waits;
use super::{Cache, Demand, Reply, Request, STARTS, Turn};
use crate::entry;
use crate::flight::{Hold, Joined, Lead, Outcome};
use crate::key::Pattern;
use crate::load::Loading;
use crate::outcome::Why;
use crate::redis::{Budget, Fault, Lease, Locked, Planted, Session, members};
use crate::token;

impl Cache {
    /// The leader's way: Redis, or a lease, or a load without one. `own`: it has just asked Redis for itself.
    pub(super) async fn lead(
        &self,
        mut lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        waits: &mut Waits,
        mut own: Option<Reply>,
    ) -> Turn {
        if let Some(lease) = &lead.hold {
            // A leader that was dropped left it; it has been standing since before this load.
            let session = lease.session.clone();
            return self.load(
                lead,
                request,
                self.inner.local.fence(),
                Some(session),
                Why::Absent,
            );
        }
        let Some(tier) = &self.inner.tier else {
            return self.load(lead, request, self.inner.local.fence(), None, Why::Absent);
        };
        tier.session(budget).await;
        // The fence before the session: a switch in between is then seen, whichever way it went.
        let fence = self.inner.local.fence();
        let Some(session) = tier.session_now() else {
            return self.load(lead, request, fence, None, Why::RedisAway);
        };
        let flight = lead.flight().clone();
        let key = request.key.as_str();
        let mut why = Why::Absent;
        loop {
            let reply = match own.take() {
                Some(reply) => reply,
                None => {
                    flight.clean();
                    let got = budget.spend_on(&session, pin!(session.get(key))).await;
                    got.map(|bytes| bytes.map(|bytes| self.examine(&bytes, request, &session)))
                }
            };
            let Ok(examined) = reply else {
                why = Why::RedisAway;
                break;
            };
            waits.found(match &examined {
                Some(Examined::Leased(head)) => Some(*head),
                Some(Examined::Standing(found)) => Some(found.head),
                _ => None,
            });
            let mut replace = None;
            match examined {
                None => {}
                Some(Examined::Usable(found)) => {
                    self.fill_near(&flight, fence, request, &found, &session);
                    let hit = Turn::Hit(found.hit());
                    lead.found(Outcome::Value(found.kept));
                    return hit;
                }
                Some(Examined::Standing(found)) if found.can_stand(request) => {
                    why = Why::Unusable;
                    let locking = self.lock(&mut lead, request, budget, &session, &found);
                    // In a box of its own: no hit needs it.
                    match Box::pin(locking).await {
                        Ok(Locked::Ours) => {
                            return self.load(lead, request, fence, Some(session), why);
                        }
                        Ok(Locked::Gone) => continue,
                        Ok(Locked::Taken { silence }) => {
                            waits.locked(silence);
                            if waits.left().is_zero() {
                                break;
                            }
                            Box::pin(waits.wait(&flight, &session, &self.inner.counters)).await;
                            budget.renew();
                            continue;
                        }
                        Ok(Locked::Failed) | Err(_) => break,
                    }
                }
                Some(Examined::Standing(found)) => {
                    why = Why::Unusable;
                    replace = Some(found.head);
                }
                Some(Examined::Unusable(head)) => {
                    why = Why::Unusable;
                    replace = Some(head);
                }
                Some(Examined::Leased(head)) => {
                    if waits.left() > Duration::ZERO {
                        Box::pin(waits.wait(&flight, &session, &self.inner.counters)).await;
                        budget.renew();
                        continue;
                    }
                    // One of those who lose patience takes the dead holder's place; the others load for themselves.
                    if std::mem::replace(&mut waits.over, true) {
                        break;
                    }
                    replace = Some(head);
                }
                Some(Examined::Failed | Examined::Foreign) => break,
            }
            if self.inner.barren.is(key) {
                break;
            }
            let head = entry::lease_head(token::random(), session.origin());
            let members = members(key, request.tags, request.open_tags);
            // Noted before it is sent: a caller dropped meanwhile gives up whatever the script may have planted.
            lead.unconfirmed = Some(Box::new(Lease {
                session: session.clone(),
                key: key.to_owned(),
                head,
                members: members.clone(),
                lock: None,
            }));
            // In a box of its own, so that a hit does not carry the room that only a miss needs.
            let mut planted =
                Box::pin(session.plant(key, &head, replace.as_ref(), false, &members));
            let answer = budget.spend_on(&session, planted.as_mut()).await;
            drop(planted);
            let lease = lead.unconfirmed.take();
            match answer {
                Ok(Planted::Ours) => {
                    lead.hold = lease;
                    return self.load(lead, request, fence, Some(session), why);
                }
                Ok(Planted::Stands(bytes)) => {
                    if let Examined::Usable(found) = self.examine(&bytes, request, &session) {
                        let hit = Turn::Hit(found.hit());
                        lead.found(Outcome::Value(found.kept));
                        return hit;
                    }
                }
                Ok(Planted::Taken) => {}
                Ok(Planted::Foreign | Planted::Failed) => break,
                Err(_) => {
                    if let Some(lease) = lease {
                        lease.give_up();
                    }
                    break;
                }
            }
        }
        if matches!(request.demand, Demand::NewerThan(_)) {
            // Nobody waits for this load, and its value could not be stored.
            return Turn::Solo(why);
        }
        self.load(lead, request, fence, Some(session), why)
    }

    /// The right to replace a value that goes on standing while its successor is loaded.
    async fn lock(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
        found: &Found,
    ) -> Result<Locked, Fault> {
        let key = request.key.as_str();
        let lease = session.over(
            key,
            found.head,
            members(key, &found.tags, &[]),
            members(key, &found.tags, request.open_tags),
        );
        // Noted before it is sent, as a planting is.
        lead.unconfirmed = Some(Box::new(lease.clone()));
        let mut locking = Box::pin(lease.lock());
        let answer = budget.spend_on(session, locking.as_mut()).await;
        drop(locking);
        let lease = lead.unconfirmed.take();
        match (&answer, lease) {
            (Ok(Locked::Ours), lease) => lead.hold = lease,
            (Err(_), Some(lease)) => lease.give_up(),
            _ => {}
        }
        answer
    }

    fn load(
        &self,
        lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        fence: u64,
        session: Option<Session>,
        why: Why,
    ) -> Turn {
        lead.begin();
        Turn::Lead(Box::new(Loading::new(
            self.clone(),
            lead,
            request,
            fence,
            session,
            why,
        )))
    }

    /// A put's right to the key: whatever of ours stands there gives way, and so does whoever was loading it.
    /// `None`: somebody keeps taking the flight; then the put goes without a store.
    pub(crate) async fn seize(&self, request: &Request<'_>, budget: &Budget) -> Option<Loading> {
        let key = request.key.as_str();
        let removal = [Pattern::key(request.key)];
        let mut lead = None;
        for _ in 0..STARTS {
            self.inner.local.remove(&removal, None);
            if let Joined::Lead(led) =
                self.inner
                    .local
                    .flights
                    .join(request.key, request.tags, request.open_tags)
            {
                lead = Some(led);
                break;
            }
        }
        let mut lead = lead?;
        if let Some(tier) = &self.inner.tier {
            tier.session(budget).await;
        }
        let fence = self.inner.local.fence();
        let session = self.inner.tier.as_ref().and_then(|tier| tier.session_now());
        if let Some(session) = &session {
            let head = entry::lease_head(token::random(), session.origin());
            let members = members(key, request.tags, request.open_tags);
            lead.unconfirmed = Some(Box::new(Lease {
                session: session.clone(),
                key: key.to_owned(),
                head,
                members: members.clone(),
                lock: None,
            }));
            let planted = session.plant(key, &head, None, true, &members);
            let answer = budget.spend_on(session, Box::pin(planted).as_mut()).await;
            let lease = lead.unconfirmed.take();
            // Not ours, or unknown: no store, and at the end the key is removed.
            lead.hold = lease.filter(|_| matches!(answer, Ok(Planted::Ours)));
        }
        lead.begin();
        Some(Loading::new(
            self.clone(),
            lead,
            request,
            fence,
            session,
            Why::Asked,
        ))
    }
}
