//! The leader's way of a read: Redis, or a lease, or a load without one.

use std::pin::pin;
use std::time::Duration;

use crate::cache::load::Loading;
use crate::cache::reply::Examined;
use crate::cache::wait::Waits;
use crate::cache::{Cache, Demand, Reply, Request, STARTS, Turn};
use crate::common::random;
use crate::entry::{self, Identity};
use crate::key::Pattern;
use crate::local::flight::{Hold, Joined, Lead, Outcome};
use crate::redis::{Budget, Fault, Lease, Locked, Over, Planted, Session};
use crate::telemetry::outcome::Why;

/// The answer of a server so far away that it is asked once.
enum Far {
    Found(Option<Examined>),
    /// Nothing stood there, and now the lease does.
    Planted,
}

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
            flight.pulse().beat();
            if session.is_shut(key, request.tags.iter().map(String::as_str)) {
                why = Why::RedisAway;
                break;
            }
            let reply = match own.take() {
                Some(reply) => reply,
                None if session.is_far(budget) && !self.inner.barren.is(key) => {
                    let asking = self.ask_far(&mut lead, request, budget, &session);
                    // In a box of its own: only a far server needs it.
                    match Box::pin(asking).await {
                        Ok(Far::Planted) => {
                            return self.load(lead, request, fence, Some(session), why);
                        }
                        Ok(Far::Found(examined)) => Ok(examined),
                        Err(fault) => Err(fault),
                    }
                }
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
                Some(Examined::Leased(identity) | Examined::Outlived(identity)) => Some(*identity),
                Some(Examined::Standing(found)) => Some(found.identity),
                _ => None,
            });
            let mut over = Over::Nothing;
            let standing = match &examined {
                Some(Examined::Standing(found)) => Some(found.identity),
                Some(Examined::Outlived(identity)) => Some(*identity),
                _ => None,
            };
            // The stored entry stays in place while its successor is loaded, unless the call itself removes it.
            if let Some(standing) = standing.filter(|_| !request.removes) {
                why = Why::Unusable;
                let locking = self.lock(&mut lead, request, budget, &session, standing);
                // In a box of its own: no hit needs it.
                match Box::pin(locking).await {
                    Ok(Locked::Ours) => {
                        flight.refreshes();
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
            match examined {
                None => {}
                Some(Examined::Usable(found)) => {
                    self.fill_near(&flight, fence, request, &found, &session);
                    let hit = Turn::Hit(found.hit());
                    lead.found(Outcome::Value(found.kept));
                    return hit;
                }
                Some(Examined::Standing(found)) => {
                    why = Why::Unusable;
                    over = Over::This(found.identity);
                }
                Some(Examined::Outlived(identity) | Examined::Removed(identity)) => {
                    over = Over::This(identity);
                }
                Some(Examined::Unusable(identity)) => {
                    why = Why::Unusable;
                    over = Over::This(identity);
                }
                Some(Examined::Leased(identity)) => {
                    if waits.left() > Duration::ZERO {
                        Box::pin(waits.wait(&flight, &session, &self.inner.counters)).await;
                        budget.renew();
                        continue;
                    }
                    // One of those who lose patience takes the dead holder's place; the others load for themselves.
                    if std::mem::replace(&mut waits.over, true) {
                        break;
                    }
                    over = Over::This(identity);
                }
                Some(Examined::Shut) => {
                    why = Why::RedisAway;
                    break;
                }
                Some(Examined::Failed | Examined::Foreign) => break,
            }
            if self.inner.barren.is(key) {
                break;
            }
            match self.plant(&mut lead, request, budget, &session, over).await {
                Ok(Planted::Ours) => {
                    return self.load(lead, request, fence, Some(session), why);
                }
                // Somebody was quicker: what stands there now is read like anything else.
                Ok(Planted::Stands) => {}
                Ok(Planted::Foreign) | Err(_) => break,
            }
        }
        if matches!(request.demand, Demand::NewerThan(_)) {
            // Nobody waits for this load, and its value could not be stored.
            return Turn::Solo(why);
        }
        self.load(lead, request, fence, Some(session), why)
    }

    /// Reads the key and, where it is empty, takes the right to store there, in one round trip.
    async fn ask_far(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
    ) -> Result<Far, Fault> {
        let key = request.key.as_str();
        let head = entry::lease_head(random::bytes(), session.stamp(key));
        lead.flight().clean();
        // Noted before it is sent, as in `plant`.
        lead.unconfirmed = Some(Box::new(session.lease(key, &head)));
        let answer = budget
            .spend_on(session, pin!(session.get_or_plant(key, &head)))
            .await;
        let lease = lead.unconfirmed.take();
        match answer {
            Ok((None, true)) => {
                lead.hold = lease;
                Ok(Far::Planted)
            }
            Ok((got, planted)) => {
                // Found, and then removed before the lease arrived: what was found is still good for this reader.
                if let Some(lease) = lease.filter(|_| planted) {
                    lease.give_up();
                }
                Ok(Far::Found(
                    got.map(|bytes| self.examine(&bytes, request, session)),
                ))
            }
            Err(fault) => {
                if let Some(lease) = lease {
                    lease.give_up();
                }
                Err(fault)
            }
        }
    }

    /// The right to store at the key.
    async fn plant(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
        over: Over,
    ) -> Result<Planted, Fault> {
        let key = request.key.as_str();
        let head = entry::lease_head(random::bytes(), session.stamp(key));
        // Noted before it is sent: a caller dropped meanwhile gives up whatever may have been planted.
        lead.unconfirmed = Some(Box::new(session.lease(key, &head)));
        // In a box of its own, so that a hit does not carry the room that only a miss needs.
        let mut planting = Box::pin(session.plant(key, &head, over));
        let answer = budget.spend_on(session, planting.as_mut()).await;
        drop(planting);
        let lease = lead.unconfirmed.take();
        match (&answer, lease) {
            (Ok(Planted::Ours), lease) => lead.hold = lease,
            (Err(_), Some(lease)) => lease.give_up(),
            _ => {}
        }
        answer
    }

    /// The right to replace a value that goes on standing while its successor is loaded.
    async fn lock(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
        standing: Identity,
    ) -> Result<Locked, Fault> {
        let lease = session.over(request.key.as_str(), standing);
        // Noted before it is sent, as a planting is.
        lead.unconfirmed = Some(Box::new(lease.clone()));
        let mut locking = Box::pin(lease.lock());
        let answer = budget.spend_on(session, locking.as_mut()).await;
        drop(locking);
        let lease = lead.unconfirmed.take();
        match (answer, lease) {
            // The lock says who loads, not who may store: that is the identity of the entry that was read. A load need not
            // wait for an answer that is late.
            (Ok(Locked::Ours) | Err(Fault::TimedOut), lease) => {
                lead.hold = lease;
                Ok(Locked::Ours)
            }
            (Err(fault), lease) => {
                if let Some(lease) = lease {
                    lease.give_up();
                }
                Err(fault)
            }
            (answer, _) => answer,
        }
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
            // Not ours, or unknown: no store, and at the end the key is removed.
            let over = Over::AnythingOfOurs;
            let _ = Box::pin(self.plant(&mut lead, request, budget, session, over)).await;
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
