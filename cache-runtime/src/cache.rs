//! The cache: a cheap handle, and the read path, told in one function ([`Cache::read`]).

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::background::Background;
use crate::barren::Barren;
use crate::config::CacheConfig;
use crate::deferred;
use crate::entry::{self, Head, Stored, TypeOps};
use crate::error::Error;
use crate::flight::{Flight, Hold, Joined, Lead, Outcome, Waited};
use crate::key::{CacheKey, templates_meet};
use crate::load::Loading;
use crate::local::Local;
use crate::memory::{Copy, Kept, Memory, after};
use crate::outcome::{HitTier, Why};
use crate::policy::{Aged, Decision, Moment, Policy, decide};
use crate::redis::{Budget, Fault, LEASE_LIFE, Lease, Locked, Planted, Session, Tier, members};
use crate::sabotage::{Safeguard, off};
use crate::site::{Near, Site};
use crate::stats::{CacheStats, Counters, bump};
use crate::token;
use crate::watch::Watch;

/// How often a caller starts over because its key was removed while it waited. Then it runs the body for itself: a key
/// that is removed faster than it loads is not cacheable, but it must be servable.
const STARTS: usize = 4;

/// A cache: memory in this process, and Redis behind it where one is configured.
///
/// Cloning it is cheap and gives the same cache. Most programs use one, the global one ([`crate::cache`]); the `cache`
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
    pub(crate) barren: Barren,
    /// Keys whose refreshes fail.
    pub(crate) tired: Barren,
    pub(crate) watch: Watch,
}

/// One read of one key, without its types.
pub(crate) struct Request<'a> {
    pub(crate) key: &'a CacheKey,
    pub(crate) ops: &'static TypeOps,
    pub(crate) near: Near,
    /// Tags of the entry, as far as they are known before the load.
    pub(crate) tags: &'a [String],
    /// Literal beginnings of those that only the result tells.
    pub(crate) open_tags: &'a [String],
    /// The result type has a place for a cached absence.
    pub(crate) takes_none: bool,
    /// The call removes entries, so it must not lean on what stands at its key.
    pub(crate) removes: bool,
    pub(crate) policy: &'a Policy,
    pub(crate) demand: Demand,
    pub(crate) site: Option<&'static Site>,
}

/// Which values will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// What the policy lets a reader have.
    Any,
    /// What the policy lets stand in for a body that failed or is slow.
    StandIn,
    /// A fresh one, and not this: a refresh of it.
    NewerThan(u64),
}

/// A value from a tier.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) kept: Kept,
    pub(crate) tier: HitTier,
    pub(crate) aged: Aged,
    /// Which value it is, for a refresh.
    pub(crate) version: u64,
    /// It is to be refreshed behind the caller's back.
    pub(crate) refresh: bool,
}

/// What a read comes to.
pub(crate) enum Turn {
    Hit(Hit),
    /// Another call's load. `true`: it had ended before this call came.
    Shared(Outcome, bool),
    /// Run the body, and end the load.
    Lead(Box<Loading>),
    /// Run the body in turn with others, after a load whose result could not be shared.
    Alone(Arc<Flight<Box<Lease>>>),
    /// Run the body, without any of the cache.
    Solo(Why),
}

/// What a `GET` found.
type Reply = Result<Option<Examined>, Fault>;

/// What came of a reader's own `GET`.
enum Own {
    Hit(Turn),
    /// Sent, and nothing usable came back.
    Missed(Reply),
    NotSent,
}

/// What the bytes at a key mean to a reader.
enum Examined {
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

impl Request<'_> {
    /// What becomes of a value of that age.
    pub(crate) fn judge(&self, aged: Aged, version: u64, absent: bool) -> Decision {
        let policy = if absent { &Policy::PLAIN } else { self.policy };
        match self.demand {
            Demand::Any => decide(aged, policy, Moment::Found, token::fraction),
            Demand::StandIn => decide(aged, policy, Moment::Pressed, token::fraction),
            Demand::NewerThan(known) if version != known && aged.age < aged.ttl => Decision::Fresh,
            Demand::NewerThan(_) if aged.age < aged.ttl.saturating_add(policy.grace()) => {
                Decision::Reload
            }
            Demand::NewerThan(_) => Decision::Refuse,
        }
    }
}

impl Hit {
    /// Past its lifetime.
    pub(crate) fn is_stale(&self) -> bool {
        self.aged.age >= self.aged.ttl
    }
}

impl Decision {
    fn serves(self) -> bool {
        matches!(self, Self::Fresh | Self::Refresh | Self::StandIn)
    }
}

impl Found {
    /// It may go on standing while its successor is loaded: nothing that the call removes, and no tag that only the
    /// successor carries, could take the successor's right to be stored away without taking this one.
    fn can_stand(&self, request: &Request<'_>) -> bool {
        !request.removes && request.tags.iter().all(|tag| self.tags.contains(tag))
    }

    fn hit(&self) -> Hit {
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
        let local = Arc::new(Local::new(memory, config.max_flights));
        let tier = target
            .map(|target| {
                Tier::new(
                    target,
                    &config,
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
                barren: Barren::new(),
                tired: Barren::new(),
                watch: Watch::default(),
            }),
        })
    }

    /// Counts since the start.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.inner.counters.snapshot()
    }

    /// Waits for stores and replays that are under way, at most `limit`, then closes the connection. Calls made after it
    /// go without Redis.
    pub async fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        // Nothing to do about what is still under way then: stores are optional, removals are in the journal.
        let drained = async {
            self.inner.loads.drained().await;
            self.inner.background.drained().await;
        };
        let _ = tokio::time::timeout_at(deadline, drained).await;
        if let Some(tier) = &self.inner.tier {
            tier.close(deadline.saturating_duration_since(Instant::now()))
                .await;
        }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The read path. Memory; else the key's flight; its leader asks Redis, then plants a lease and loads.
    pub(crate) async fn read(&self, request: &Request<'_>) -> Turn {
        if deferred::is_due(self, request.key.as_str(), request.tags) {
            return Turn::Solo(Why::InTransaction);
        }
        let mut budget = Budget::new(self.inner.config.budget);
        let mut waits = Waits::default();
        for _ in 0..STARTS {
            if let Some(hit) = self.recall(request) {
                return Turn::Hit(hit);
            }
            let own = match self.read_for_itself(request, &mut budget).await {
                Own::Hit(hit) => return hit,
                Own::Missed(reply) => Some(reply),
                Own::NotSent => None,
            };
            let asked = own.is_some();
            let waiter =
                match self
                    .inner
                    .local
                    .flights
                    .join(request.key, request.tags, request.open_tags)
                {
                    Joined::Lead(lead) => {
                        return self.lead(lead, request, &mut budget, &mut waits, own).await;
                    }
                    Joined::Other | Joined::Full => return Turn::Solo(Why::Contended),
                    Joined::Wait(waiter) => waiter,
                };
            let was_loaded = waiter.was_loaded();
            // What a flight read or stored before this reader's own `GET` may have been removed before it, too: then
            // only a load that began later is shared, and what was stored later is read.
            let waited = if asked {
                waiter.wait_for_load().await
            } else {
                waiter.wait().await
            };
            match waited {
                Waited::Shared(outcome) => return Turn::Shared(outcome, was_loaded),
                Waited::Lead(lead) => {
                    return self
                        .lead(lead, request, &mut budget, &mut waits, None)
                        .await;
                }
                Waited::Alone(flight) => return Turn::Alone(flight),
                Waited::Again => {}
            }
        }
        Turn::Solo(Why::Contended)
    }

    /// A value that may stand in for a body that failed or is slow, as it stands *now*: what was removed meanwhile stands
    /// in for nothing.
    pub(crate) async fn standing(&self, request: &Request<'_>) -> Option<Hit> {
        if deferred::is_due(self, request.key.as_str(), request.tags) {
            return None;
        }
        if let Some(hit) = self.recall(request) {
            return Some(hit);
        }
        let tier = self.inner.tier.as_ref()?;
        let mut budget = Budget::new(self.inner.config.budget);
        let session = tier.session(&mut budget).await?;
        let found = self.read_redis(request, &session, &mut budget).await?;
        Some(found.hit())
    }

    /// Memory, as far as it may speak: always while Redis's pushes reach it, for a while when they do not.
    pub(crate) fn recall(&self, request: &Request<'_>) -> Option<Hit> {
        let now = Instant::now();
        // Before the copy is taken: one from the outage must not pass for a tracked one because Redis is back now.
        let cut_off_since = self.inner.tier.as_ref().map(|tier| tier.cut_off_since());
        let copy = self.inner.local.memory.get(request.key.as_str(), now)?;
        if deferred::is_due(self, request.key.as_str(), &copy.tags) {
            return None;
        }
        let fits = templates_meet(copy.template, request.key.template())
            && match &copy.value {
                Some(value) => (request.ops.is)(&**value),
                None => request.takes_none,
            };
        let may_speak = match cut_off_since {
            None => true,
            Some(None) => match request.near {
                Near::On => true,
                Near::Off => false,
                Near::AtMost(life) => now.saturating_duration_since(copy.filled) <= life,
            },
            // What was current when the pushes stopped, or was loaded later, is known to be no older than this.
            Some(Some(since)) => {
                request.policy.memory_in_outage
                    && now.saturating_duration_since(copy.filled.max(since))
                        <= self.inner.config.outage_max_age
            }
        };
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

    /// A reader that accepts no push delay sends a `GET` of its own: a reply to somebody else's may be older than it is.
    async fn read_for_itself(&self, request: &Request<'_>, budget: &mut Budget) -> Own {
        let Some(tier) = &self.inner.tier else {
            return Own::NotSent;
        };
        let Some(session) = tier.session(budget).await else {
            return Own::NotSent;
        };
        if session.link.tracking && request.near != Near::Off || off(Safeguard::OwnGet) {
            return Own::NotSent;
        }
        let got = budget
            .spend_on(&session, pin!(session.get(request.key.as_str())))
            .await;
        match got.map(|bytes| bytes.map(|bytes| self.examine(&bytes, request, &session))) {
            Ok(Some(Examined::Usable(found))) => Own::Hit(Turn::Hit(found.hit())),
            reply => Own::Missed(reply),
        }
    }

    /// The leader's way: Redis, or a lease, or a load without one. `own`: it has just asked Redis for itself.
    async fn lead(
        &self,
        mut lead: Lead<Box<Lease>>,
        request: &Request<'_>,
        budget: &mut Budget,
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
                            *budget = Budget::new(self.inner.config.budget);
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
                        *budget = Budget::new(self.inner.config.budget);
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
        budget: &mut Budget,
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
    pub(crate) async fn seize(&self, request: &Request<'_>) -> Option<Loading> {
        let key = request.key.as_str();
        let removal = [crate::key::Pattern::key(request.key)];
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
        let mut budget = Budget::new(self.inner.config.budget);
        if let Some(tier) = &self.inner.tier {
            tier.session(&mut budget).await;
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
    fn examine(&self, bytes: &[u8], request: &Request<'_>, session: &Session) -> Examined {
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
        let kept = if !(current && fits) {
            None
        } else if entry.none {
            Some(None)
        } else {
            let limit = self.inner.config.max_value_bytes;
            let unpacked = entry
                .packed
                .map(|how| entry::unpack(entry.payload, how, limit));
            match &unpacked {
                None => (request.ops.decode)(entry.payload, entry.codec).ok(),
                Some(Some(payload)) => (request.ops.decode)(payload, entry.codec).ok(),
                Some(None) => None,
            }
            .map(Some)
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
            bytes: entry.payload.len(),
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
        budget: &mut Budget,
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

    pub(crate) fn count(&self, request: &Request<'_>, count: impl Fn(&Counters)) {
        count(&self.inner.counters);
        if let Some(site) = request.site {
            count(site.counters());
        }
    }
}

/// Waiting for another process's load: woken by Redis's push where reads are tracked, else by asking again, less and less
/// often. It ends by itself: the holder stores, fails, releases, or its lease runs out.
///
/// A holder is waited for as long as it renews its lease, but holders that die one after the other cost a call no more than
/// [`DEAD_HOLDERS`] together. Where reads are tracked, renewals show as pushes. Where they are not, a lease that stands is
/// known to have been renewed within its life: that is enough for one holder, and short of the truth for those after it.
#[derive(Default)]
struct Waits {
    times: u32,
    /// The lease that stands, and its holder's last sign of life.
    standing: Option<(Head, Instant)>,
    pushed: bool,
    /// Between last signs of life and the ends of their leases.
    in_vain: Duration,
    /// Patience was lost before.
    over: bool,
}

/// What dead holders may cost one call, all together.
const DEAD_HOLDERS: Duration = Duration::from_secs(2);

impl Waits {
    /// What was found at the key: a lease, or anything else.
    fn found(&mut self, lease: Option<Head>) {
        let pushed = std::mem::take(&mut self.pushed);
        match (&mut self.standing, lease) {
            (Some((standing, sign)), Some(lease)) if *standing == lease => {
                if pushed {
                    *sign = Instant::now();
                }
            }
            (_, lease) => {
                self.in_vain += self.silence();
                self.standing = lease.map(|lease| (lease, Instant::now()));
            }
        }
    }

    /// The lock beside what was found is held, and its holder has given no sign of life for so long.
    fn locked(&mut self, silence: Duration) {
        if let Some((_, sign)) = &mut self.standing {
            *sign = Instant::now().checked_sub(silence).unwrap_or(*sign);
        }
    }

    fn silence(&self) -> Duration {
        self.standing
            .map_or(Duration::ZERO, |(_, sign)| sign.elapsed().min(LEASE_LIFE))
    }

    /// How long the standing lease may still be waited for without a sign of life.
    fn left(&self) -> Duration {
        DEAD_HOLDERS.saturating_sub(self.in_vain + self.silence())
    }

    async fn wait(&mut self, flight: &Flight<Box<Lease>>, session: &Session, counters: &Counters) {
        if self.times == 0 {
            bump(&counters.waits);
        }
        let longest = if session.link.tracking { 100 } else { 20 };
        let pause = Duration::from_millis((2_u64 << self.times.min(6)).min(longest));
        self.times += 1;
        // A push may have been for the lease's own planting: then the next read finds the lease again.
        let pause = pause.min(self.left());
        self.pushed = tokio::time::timeout(pause, flight.pushed()).await.is_ok();
    }
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
        let ops = crate::entry::type_ops::<u32>();
        let request = Request {
            key: &key,
            ops,
            near: Near::On,
            tags: &[],
            open_tags: &[],
            takes_none: false,
            removes: false,
            policy: &Policy::PLAIN,
            demand: Demand::Any,
            site: None,
        };
        let size = size_of_val(&cache.read(&request));
        assert!(size <= 1536, "{size} bytes");
    }
}
