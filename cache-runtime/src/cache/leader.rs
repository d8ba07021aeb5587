//! The leader's part of a read: it asks Redis, and on a miss loads, with a lease or without one.

use std::pin::pin;
use std::time::Duration;

use crate::cache::load::Load;
use crate::cache::reply::{Examined, Found};
use crate::cache::wait::HolderWait;
use crate::cache::{Cache, Demand, ReadOutcome, Reply, Request, STARTS};
use crate::common::random;
use crate::entry::{self, Identity};
use crate::key::Pattern;
use crate::local::flight::{Flight, HeldLease, Joined, Lead, Outcome};
use crate::redis::{Budget, Fault, Lease, Locked, Over, Planted, Session};
use crate::telemetry::outcome::Reason;

/// The reply of Redis.
enum Answer {
    Found(Option<Examined>),
    /// The key was empty, and now holds the lease.
    Planted,
}

/// The next step of a leader, decided by the entry at the key.
enum Step {
    /// Return the value to all readers.
    Serve(Box<Found>),
    /// Wait: another process loads the value.
    Wait,
    /// Refresh: the entry stays while the process that gets the lock beside it loads a new value.
    Lock(Identity),
    /// Replace what is there by a lease.
    Plant(Over),
    LoadWithoutLease,
}

/// The result of taking the lock beside a stored entry.
enum LockResult {
    Ours,
    /// The entry is gone, or another process has loaded: read again.
    Again,
    LoadWithoutLease,
}

impl Cache {
    /// The leader's part of a read. `own`: the reply to the `GET` that this call has just sent itself.
    pub(super) async fn lead(
        &self,
        mut lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        waits: &mut HolderWait,
        mut own: Option<Box<Reply>>,
    ) -> ReadOutcome {
        let key = request.key.as_str();
        let (fence, session) = match self.session_to_ask(&lead, key, budget).await {
            Ok(found) => found,
            Err((fence, session, why)) => return self.load(lead, request, fence, session, why),
        };
        let flight = lead.flight().clone();
        let key = request.key.as_str();
        let mut why = Reason::Absent;
        loop {
            flight.pulse().beat();
            if session.is_shut(key, request.tags.iter().map(String::as_str)) {
                why = Reason::RedisAway;
                break;
            }
            let asking = self.ask(&mut lead, request, budget, &session, own.take());
            let examined = match asking.await {
                Ok(Answer::Planted) => return self.load(lead, request, fence, Some(session), why),
                Ok(Answer::Found(examined)) => examined,
                Err(_) => {
                    why = Reason::RedisAway;
                    break;
                }
            };
            let over = match next_step(examined, request, waits, &mut why) {
                Step::Serve(found) => {
                    self.fill_memory(&flight, fence, request, &found, &session);
                    let hit = ReadOutcome::Hit(found.hit());
                    lead.found(Outcome::Found(found.kept, Box::new(found.aged)));
                    return hit;
                }
                Step::Wait => {
                    wait_for_another(waits, &flight, &session, budget, self).await;
                    continue;
                }
                Step::Lock(stored) => {
                    let locking =
                        self.lock_or_wait(&mut lead, request, budget, &session, stored, waits);
                    // Boxed, because a hit does not need it.
                    match Box::pin(locking).await {
                        LockResult::Ours => {
                            flight.mark_refreshing();
                            return self.load(lead, request, fence, Some(session), why);
                        }
                        LockResult::Again => continue,
                        LockResult::LoadWithoutLease => break,
                    }
                }
                Step::Plant(over) => over,
                Step::LoadWithoutLease => break,
            };
            if self.inner.absence_backoff.is(key) {
                break;
            }
            match self.plant(&mut lead, request, budget, &session, over).await {
                Ok(Planted::Ours) => {
                    return self.load(lead, request, fence, Some(session), why);
                }
                // Another call was faster: read what it has stored.
                Ok(Planted::Stands) => {}
                Ok(Planted::Foreign) => {
                    why = Reason::Foreign;
                    break;
                }
                Err(_) => break,
            }
        }
        if matches!(request.demand, Demand::NewerThan(_)) {
            // No waiter shares this load, and its value could not be stored.
            return ReadOutcome::RunUncached(why);
        }
        self.load(lead, request, fence, Some(session), why)
    }

    /// The fence and the session under which the leader asks Redis. `Err`: it loads without asking.
    async fn session_to_ask(
        &self,
        lead: &Lead<Box<Lease>>,
        key: &str,
        budget: &Budget,
    ) -> Result<(u64, Session), (u64, Option<Session>, Reason)> {
        let shard = self.shard(key);
        if let Some(lease) = &lead.lease {
            // The lease was left by a leader that was dropped; it was taken before this load.
            let fence = shard.local.fence();
            return Err((fence, Some(lease.session.clone()), Reason::Absent));
        }
        match shard.fence_and_session(budget).await {
            (fence, Some(session)) => Ok((fence, session)),
            (fence, None) if shard.tier.is_none() => Err((fence, None, Reason::Absent)),
            (fence, None) => Err((fence, None, Reason::RedisAway)),
        }
    }

    /// Reads the key and, if it is empty, takes a lease, in one round trip.
    async fn ask_far(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
    ) -> Result<Answer, Fault> {
        let key = request.key.as_str();
        let head = entry::lease_head(random::bytes(), session.stamp(key));
        lead.flight().forget_pushes();
        // Recorded before the command is sent, as in `plant`.
        lead.unconfirmed = Some(Box::new(session.lease(key, &head)));
        let answer = budget
            .spend_on(session, pin!(session.get_or_plant(key, &head)))
            .await;
        let lease = lead.unconfirmed.take();
        match answer {
            Ok((None, true)) => {
                lead.lease = lease;
                Ok(Answer::Planted)
            }
            Ok((got, planted)) => {
                // The entry was removed between the read and the lease: the value is still valid for this reader.
                if let Some(lease) = lease.filter(|_| planted) {
                    lease.give_up();
                }
                Ok(Answer::Found(
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

    /// Takes a lease at the key, which is the right to store there.
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
        // Recorded before the command is sent: if the caller is dropped meanwhile, a lease that was taken is given up.
        lead.unconfirmed = Some(Box::new(session.lease(key, &head)));
        // Boxed, so that a hit does not carry the space that only a miss needs.
        let mut planting = Box::pin(session.plant(key, &head, over));
        let answer = budget.spend_on(session, planting.as_mut()).await;
        drop(planting);
        let lease = lead.unconfirmed.take();
        match (&answer, lease) {
            (Ok(Planted::Ours), lease) => lead.lease = lease,
            (Err(_), Some(lease)) => lease.give_up(),
            _ => {}
        }
        answer
    }

    /// Reads the key in Redis. If the round trip is long, the same command also takes a lease.
    async fn ask(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
        own: Option<Box<Reply>>,
    ) -> Result<Answer, Fault> {
        if let Some(reply) = own {
            return reply.map(Answer::Found);
        }
        let key = request.key.as_str();
        if session.is_far(budget) && !self.inner.absence_backoff.is(key) {
            // Boxed, because only a server with a long round trip needs it.
            return Box::pin(self.ask_far(lead, request, budget, session)).await;
        }
        lead.flight().forget_pushes();
        let got = budget.spend_on(session, pin!(session.get(key))).await?;
        Ok(Answer::Found(
            got.map(|bytes| self.examine(&bytes, request, session)),
        ))
    }

    /// Takes the lock beside a stored entry, or waits while another process has it.
    async fn lock_or_wait(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
        stored: Identity,
        waits: &mut HolderWait,
    ) -> LockResult {
        match self.lock(lead, request, budget, session, stored).await {
            Ok(Locked::Ours) => LockResult::Ours,
            Ok(Locked::Gone) => LockResult::Again,
            Ok(Locked::Taken { silence }) => {
                waits.locked(silence);
                if waits.left().is_zero() {
                    return LockResult::LoadWithoutLease;
                }
                let flight = lead.flight().clone();
                wait_for_another(waits, &flight, session, budget, self).await;
                LockResult::Again
            }
            Ok(Locked::Failed) | Err(_) => LockResult::LoadWithoutLease,
        }
    }

    /// Takes the right to replace a value that stays readable while the new one is loaded.
    async fn lock(
        &self,
        lead: &mut Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &Budget,
        session: &Session,
        stored: Identity,
    ) -> Result<Locked, Fault> {
        let lease = session.over(request.key.as_str(), stored);
        // Recorded before the command is sent, as a lease is.
        lead.unconfirmed = Some(Box::new(lease.clone()));
        let mut locking = Box::pin(lease.lock());
        let answer = budget.spend_on(session, locking.as_mut()).await;
        drop(locking);
        let lease = lead.unconfirmed.take();
        match (answer, lease) {
            // The lock decides who loads, not who may store: storing depends on the identity of the entry that was
            // read. So a load need not wait for a late reply.
            (Ok(Locked::Ours) | Err(Fault::TimedOut), lease) => {
                lead.lease = lease;
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
        why: Reason,
    ) -> ReadOutcome {
        lead.begin();
        ReadOutcome::Load(Box::new(Load::new(
            self.clone(),
            lead,
            request,
            fence,
            session,
            why,
        )))
    }

    /// Takes the key for a `put`: its own entry or lease there is replaced, and a load under way loses its right to
    /// store. `None`: other calls keep taking the flight; then the `put` runs without a store.
    pub(crate) async fn take_over(&self, request: &Request<'_>, budget: &Budget) -> Option<Load> {
        let removal = [Pattern::key(request.key)];
        let shard = self.shard(request.key.as_str());
        let mut lead = None;
        for _ in 0..STARTS {
            shard.local.remove(&removal, None);
            let flights = &shard.local.flights;
            if let Joined::Lead(led) = flights.join(request.key, request.tags, request.open_tags) {
                lead = Some(led);
                break;
            }
        }
        let mut lead = lead?;
        let (fence, session) = shard.fence_and_session(budget).await;
        if let Some(session) = &session {
            // If the key holds a foreign value, or the result is unknown: nothing is stored, and the key is removed at
            // the end.
            let over = Over::AnythingOfOurs;
            let _ = Box::pin(self.plant(&mut lead, request, budget, session, over)).await;
        }
        lead.begin();
        Some(Load::new(
            self.clone(),
            lead,
            request,
            fence,
            session,
            Reason::Asked,
        ))
    }
}

/// Decides what to do, depending on what is at the key. `why` becomes the reason of a load that follows.
fn next_step(
    examined: Option<Examined>,
    request: &Request<'_>,
    waits: &mut HolderWait,
    why: &mut Reason,
) -> Step {
    waits.found(match &examined {
        Some(Examined::Leased(identity) | Examined::Expired(identity)) => Some(*identity),
        Some(Examined::Stale(found)) => Some(found.identity),
        _ => None,
    });
    let Some(examined) = examined else {
        return Step::Plant(Over::Nothing);
    };
    // A call that removes entries may also remove this one.
    let over_or_beside = |identity| {
        if request.removes {
            Step::Plant(Over::This(identity))
        } else {
            Step::Lock(identity)
        }
    };
    match examined {
        Examined::Usable(found) => Step::Serve(Box::new(found)),
        Examined::Stale(found) => {
            *why = Reason::Unusable;
            over_or_beside(found.identity)
        }
        Examined::Expired(identity) => {
            if !request.removes {
                *why = Reason::Unusable;
            }
            over_or_beside(identity)
        }
        Examined::Removed(identity) => Step::Plant(Over::This(identity)),
        Examined::Unusable(identity) => {
            *why = Reason::Unusable;
            Step::Plant(Over::This(identity))
        }
        Examined::Leased(_) if waits.left() > Duration::ZERO => Step::Wait,
        // After the wait limit, one waiter replaces the dead holder's lease; the others load without a lease.
        Examined::Leased(_) if std::mem::replace(&mut waits.limit_reached, true) => {
            Step::LoadWithoutLease
        }
        Examined::Leased(identity) => Step::Plant(Over::This(identity)),
        Examined::Shut => {
            *why = Reason::RedisAway;
            Step::LoadWithoutLease
        }
        Examined::Failed => Step::LoadWithoutLease,
        Examined::Foreign => {
            *why = Reason::Foreign;
            Step::LoadWithoutLease
        }
    }
}

/// Waits for another process's load. Afterwards the call has its whole budget for Redis again.
async fn wait_for_another(
    waits: &mut HolderWait,
    flight: &Flight<Box<Lease>>,
    session: &Session,
    budget: &Budget,
    cache: &Cache,
) {
    // Boxed, because a hit does not need it.
    Box::pin(waits.wait(flight, session, &cache.inner.counters)).await;
    budget.renew();
}
