//! One load per key in this process (P3), and who may share it (P2).
//!
//! The first caller of a key leads its *flight*; later ones wait. A waiter shares a load that began after it arrived. A
//! load that had already begun may have read a value that was removed before the waiter came. It is shared only if the
//! store confirms it (the *verdict*): the lease was still there at the end, so nobody removed the key meanwhile.
//! Without that verdict the waiter starts over.
//!
//! If a leader is dropped, a waiter takes over the lead and the lease. If a leader is neither dropped nor polled any
//! more ([`pulse`]), its waiters start over. A removal *retires* the flights that it names: they finish for those who
//! already wait, and nobody joins them any more.

mod lead;
mod pulse;
mod stored;
mod waiter;

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;

pub(crate) use self::lead::Lead;
pub(crate) use self::pulse::{Pulse, Watch};
pub(crate) use self::waiter::Waiter;
use crate::common::parked;
use crate::common::random;
use crate::common::safeguard::{Safeguard, off};
use crate::common::sync;
use crate::common::sync::AtomicBool;
use crate::common::sync::AtomicU64;
use crate::common::sync::AtomicUsize;
use crate::common::sync::Mutex;
use crate::common::sync::Notify;
use crate::entry::policy::Aged;
use crate::key::{CacheKey, Pattern, templates_meet};
use crate::local::memory::StoredValue;

/// How a load ended, for those who waited.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// A value; `None` is an absence that is cached.
    Value(StoredValue),
    /// A value that the leader found in Redis, with its age. The age is boxed since each future that holds an outcome
    /// would grow by it.
    Found(StoredValue, Box<Aged>),
    /// A value for those who wait, which is not stored.
    Unstored(Arc<dyn Any + Send + Sync>),
    /// The body returned `None`, which is not cached.
    Nothing,
    /// The body failed; the error can be cloned.
    Error(Arc<dyn Any + Send + Sync>),
    /// The leader stopped waiting for the body; each waiter reports that in its own error type.
    TimedOut,
    /// The body failed with an error that cannot be shared: each waiter runs the body itself, a few at a time.
    Failed,
    /// The result cannot be shared: each waiter runs the body itself, a few at a time.
    Unshared,
}

impl Outcome {
    /// The value, or the absence that is cached.
    pub(crate) fn into_value(self) -> Option<StoredValue> {
        match self {
            Self::Value(kept) | Self::Found(kept, _) => Some(kept),
            Self::Unstored(value) => Some(Some(value)),
            _ => None,
        }
    }

    /// True if there is no value, so that an older one may be served instead.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Error(_) | Self::TimedOut | Self::Failed)
    }
}

/// What a leader holds at the key in Redis. Given up when nobody takes over.
pub(crate) trait HeldLease: Send + 'static {
    fn give_up(self);
}

impl<H: HeldLease> HeldLease for Box<H> {
    fn give_up(self) {
        (*self).give_up();
    }
}

/// How many callers run the body side by side after a load whose result cannot be shared.
const SIDE_BY_SIDE: usize = 16;

/// If no turn has ended for this long, one of the callers that wait for a turn goes on without. It is as long as a
/// leader may be silent.
const STUCK: Duration = pulse::LOOK_EVERY.saturating_mul(5);

/// If a load on a thread has not ended for this long, one of the threads that wait for it goes on without.
const BLOCKED: Duration = pulse::LOOK_EVERY.saturating_mul(20);

/// How many removals a flight notes whose tags its result may turn out to carry. One more retires the flight.
const POSSIBLE_REMOVALS: usize = 64;

/// Few with shuttle, because each shard is one more step to explore.
const SHARDS: usize = if cfg!(shuttle) { 2 } else { 16 };

/// The flights that may be joined, by key.
type Joinable<H> = HashMap<Box<str>, Arc<Flight<H>>>;

#[derive(Debug)]
pub(crate) struct Flights<H: HeldLease> {
    /// Distinguishes these flights from those of other parts of a cache.
    id: u64,
    shards: [Mutex<Joinable<H>>; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
    bound: usize,
    /// How many more looks at a leader's pulse are granted, because the leader may be waiting for Redis for that long.
    looks: u32,
}

#[derive(Debug)]
pub(crate) struct Flight<H> {
    /// The [`Flights`] that it belongs to.
    of: u64,
    key: Box<str>,
    /// The template of the key, as in the entry.
    template: u64,
    /// Its leader's signs of life.
    pulse: Arc<Pulse>,
    /// A removal has named this flight.
    retired: AtomicBool,
    dirty: AtomicBool,
    /// Its load replaces a value that can be read meanwhile.
    refreshes: AtomicBool,
    state: Mutex<State<H>>,
    changed: Notify,
    pushed: Notify,
    side_by_side: Semaphore,
    /// Counts the turns that have ended, and those that were taken without waiting.
    turns: AtomicU64,
}

#[derive(Debug)]
struct State<H> {
    /// Tags that the value will carry, as far as the callers that joined know them; each of these callers may become
    /// the leader.
    tags: Vec<String>,
    /// Literal beginnings of tags that are known only from the result.
    open_tags: Vec<String>,
    /// Loads begun by this flight's leaders so far.
    loads: u32,
    /// The leader is still asking Redis.
    reading: bool,
    waiters: usize,
    stage: Stage<H>,
    /// Removals of tags that its result may turn out to carry, made since its load began.
    possible_removals: Vec<Pattern>,
    /// A value from a caller that ran the body itself after an outcome that could not be shared.
    shared: Option<Outcome>,
}

#[derive(Debug)]
enum Stage<H> {
    Led,
    /// The leader was dropped.
    Vacant(Option<H>),
    /// The load is done, but it is not known yet whether its value is stored.
    Loaded(Outcome),
    /// The leader is not polled any more, and was not dropped either.
    Abandoned,
    /// The flight has ended. `true`: callers that came during the load may share the outcome, too.
    Settled(Outcome, bool),
}

pub(crate) enum Joined<H: HeldLease> {
    Lead(Lead<H>),
    Wait(Waiter<H>),
    /// The flight belongs to another function whose key happens to be equal, or the caller is inside the flight's own
    /// body: load without a flight.
    Other,
    /// Too many flights: load without one.
    Full,
}

pub(crate) enum Waited<H: HeldLease> {
    Shared(Outcome),
    Lead(Lead<H>),
    /// The result cannot be shared: run the body, by [`Flight::turn`]. `true`: the load had failed.
    Alone(Arc<Flight<H>>, bool),
    /// Start over. For this long only the verdict was missing.
    Again(Duration),
}

impl<H: HeldLease> Flights<H> {
    /// `budget`: how long a leader may wait for one answer of Redis.
    pub(crate) fn new(bound: usize, budget: Duration) -> Arc<Self> {
        let looks = 2 * budget.as_millis() / pulse::LOOK_EVERY.as_millis();
        Arc::new(Self {
            id: random::number(),
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            bound,
            looks: u32::try_from(looks).unwrap_or(u32::MAX / 2),
        })
    }

    /// Whether the flight is one of these.
    pub(crate) fn own(&self, flight: &Flight<H>) -> bool {
        flight.of == self.id
    }

    /// Joins the key's flight, or leads a new one.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &CacheKey,
        tags: &[String],
        open_tags: &[String],
    ) -> Joined<H> {
        let (key, template) = (key.as_str(), key.template());
        let mut flights = self.shard(key).lock();
        if let Some(flight) = flights.get(key) {
            if !templates_meet(flight.template, template) || flight.pulse.is_driven_here() {
                return Joined::Other;
            }
            if let Some(waiter) = Waiter::join(self, flight, tags, open_tags) {
                return Joined::Wait(waiter);
            }
            // Its leader may be dead and yet go on. No push and no removal finds it from now on, so it fills no memory.
            flight.retired.store(true, Ordering::SeqCst);
            flights.remove(key);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.bound {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Joined::Full;
        }
        let flight = Arc::new(Flight {
            of: self.id,
            key: key.into(),
            template,
            pulse: Arc::default(),
            retired: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            refreshes: AtomicBool::new(false),
            state: Mutex::new(State {
                tags: tags.to_vec(),
                open_tags: open_tags.to_vec(),
                loads: 0,
                reading: true,
                waiters: 0,
                stage: Stage::Led,
                possible_removals: Vec::new(),
                shared: None,
            }),
            changed: Notify::new(),
            pushed: Notify::new(),
            side_by_side: Semaphore::new(SIDE_BY_SIDE),
            turns: AtomicU64::new(0),
        });
        flights.insert(key.into(), flight.clone());
        Joined::Lead(Lead {
            flights: self.clone(),
            flight,
            lease: None,
            unconfirmed: None,
            finished: false,
        })
    }

    /// True if the key has a flight that can be joined.
    pub(crate) fn is_under_way(&self, key: &str) -> bool {
        self.shard(key).lock().contains_key(key)
    }

    /// Handles a push that the key changed: the value that is being read may be older.
    pub(crate) fn pushed(&self, key: &str) {
        if let Some(flight) = self.shard(key).lock().get(key) {
            flight.dirty.store(true, Ordering::SeqCst);
            flight.pushed.notify_one();
        }
    }

    /// Retires the flights that the pattern names: later callers do not share them, and they do not fill memory. If a
    /// flight's tags are known only from its result, the removal is noted, and judged when they are known.
    pub(crate) fn retire(&self, pattern: &Pattern, spared: Option<&Flight<H>>) {
        if off(Safeguard::Retire) {
            return;
        }
        let retires = |flight: &Arc<Flight<H>>| {
            if spared.is_some_and(|spared| std::ptr::eq(spared, &**flight)) {
                return false;
            }
            let retired = match flight.coverage(pattern) {
                Coverage::None => false,
                Coverage::Certain => true,
                Coverage::Possible => !flight.record_possible(pattern),
            };
            if retired {
                flight.retired.store(true, Ordering::SeqCst);
                // Its leader may be waiting for another process's load, which nobody wants any more.
                flight.pushed.notify_one();
            }
            retired
        };
        match pattern {
            Pattern::Key(key) => {
                let mut flights = self.shard(key).lock();
                if flights.get(&**key).is_some_and(retires) {
                    flights.remove(&**key);
                    self.count.fetch_sub(1, Ordering::Relaxed);
                }
            }
            _ => {
                for shard in &self.shards {
                    let mut flights = shard.lock();
                    let before = flights.len();
                    flights.retain(|_, flight| !retires(flight));
                    self.count
                        .fetch_sub(before - flights.len(), Ordering::Relaxed);
                }
            }
        }
    }

    /// Abandons a flight whose leader is dead: its waiters start over, and nobody joins it any more. If its load ends
    /// after all, its value does not go into memory.
    fn abandon(&self, flight: &Arc<Flight<H>>) {
        flight.retired.store(true, Ordering::SeqCst);
        self.unlist(flight);
        let mut state = flight.state.lock();
        if matches!(state.stage, Stage::Led | Stage::Loaded(_)) {
            state.stage = Stage::Abandoned;
        }
        drop(state);
        flight.changed.notify_waiters();
    }

    fn unlist(&self, flight: &Arc<Flight<H>>) {
        let mut flights = self.shard(&flight.key).lock();
        if flights
            .get(&flight.key)
            .is_some_and(|standing| Arc::ptr_eq(standing, flight))
        {
            flights.remove(&flight.key);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many flights are counted, and how many can be joined.
    #[cfg(all(test, shuttle))]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let joinable = self.shards.iter().map(|shard| shard.lock().len()).sum();
        (self.count.load(Ordering::Relaxed), joinable)
    }

    fn shard(&self, key: &str) -> &Mutex<Joinable<H>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

impl<H> Flight<H> {
    /// True if a value with these tags that this flight read or loaded may go into memory.
    pub(crate) fn may_fill(&self, tags: &[String]) -> bool {
        off(Safeguard::Guard) || !self.was_removed(tags) && !self.dirty.load(Ordering::SeqCst)
    }

    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// True if a removal has named a value with these tags that this flight read or loaded.
    pub(crate) fn was_removed(&self, tags: &[String]) -> bool {
        let possible = || {
            let state = self.state.lock();
            let mut possible_removals = state.possible_removals.iter();
            possible_removals.any(|pattern| pattern.matches(&self.key, tags))
        };
        self.is_retired() || possible()
    }

    /// Notes a removal that may turn out to name the result. False: too many are noted.
    fn record_possible(&self, pattern: &Pattern) -> bool {
        let mut state = self.state.lock();
        if state.possible_removals.contains(pattern) {
            return true;
        }
        let room = state.possible_removals.len() < POSSIBLE_REMOVALS;
        if room {
            state.possible_removals.push(pattern.clone());
        }
        room
    }

    /// Notes that the load replaces a value that readers may have meanwhile.
    pub(crate) fn mark_refreshing(&self) {
        self.refreshes.store(true, Ordering::SeqCst);
    }

    /// Forgets earlier pushes. Called before each read whose reply may go into memory.
    pub(crate) fn forget_pushes(&self) {
        self.dirty.store(false, Ordering::SeqCst);
    }

    /// Waits for a push that the key changed, or for a removal of it. One that came since the last wait counts, too.
    pub(crate) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// True if somebody waits for the load, or for the verdict on its store.
    pub(crate) fn has_waiters(&self) -> bool {
        self.state.lock().waiters > 0
    }

    /// Waits for a turn to run the body after an outcome that could not be shared. Fails with the outcome of another
    /// caller's turn that has found a value.
    ///
    /// A caller that has a turn may stop being polled, as a leader may ([`pulse`]), and keep the turn for ever. So
    /// whenever no turn has ended for [`STUCK`], one waiting caller goes on without. If bodies take longer than that,
    /// more than [`SIDE_BY_SIDE`] of them come to run at once, but only one more at a time.
    pub(crate) async fn turn(&self) -> Result<Turn<'_, H>, Outcome> {
        let mut acquired = pin!(self.side_by_side.acquire());
        let mut ended = self.turns.load(Ordering::SeqCst);
        loop {
            let acquires = async {
                match acquired.as_mut().await {
                    Ok(permit) => permit.forget(),
                    Err(_) => unreachable!("the semaphore is never closed"),
                }
            };
            if sync::within(STUCK, acquires).await || self.runs_without_turn(&mut ended) {
                break;
            }
        }
        let turn = Turn { flight: self };
        match self.state.lock().shared.clone() {
            Some(outcome) => Err(outcome),
            None => Ok(turn),
        }
    }

    /// The same on a thread, which sleeps meanwhile.
    pub(crate) fn turn_on_thread(&self) -> Result<Turn<'_, H>, Outcome> {
        let mut acquired = pin!(self.side_by_side.acquire());
        let mut ended = self.turns.load(Ordering::SeqCst);
        loop {
            match parked::within(STUCK, acquired.as_mut()) {
                Some(Ok(permit)) => {
                    permit.forget();
                    break;
                }
                Some(Err(_)) => unreachable!("the semaphore is never closed"),
                None if self.runs_without_turn(&mut ended) => break,
                None => {}
            }
        }
        let turn = Turn { flight: self };
        match self.state.lock().shared.clone() {
            Some(outcome) => Err(outcome),
            None => Ok(turn),
        }
    }

    /// True for one of the waiting callers, if no turn has ended since `ended` was counted. The others count from now
    /// on.
    fn runs_without_turn(&self, ended: &mut u64) -> bool {
        let counted =
            self.turns
                .compare_exchange(*ended, *ended + 1, Ordering::SeqCst, Ordering::SeqCst);
        match counted {
            Ok(_) => true,
            Err(now) => {
                *ended = now;
                false
            }
        }
    }

    /// Shares the value that a turn has found: all other callers came before it began, so they may have it.
    pub(crate) fn share(&self, outcome: Outcome) {
        self.state.lock().shared = Some(outcome);
    }

    fn coverage(&self, pattern: &Pattern) -> Coverage {
        let state = self.state.lock();
        if pattern.matches(&self.key, &state.tags) {
            return Coverage::Certain;
        }
        let open = |tag: &str| state.open_tags.iter().any(|open| tag.starts_with(&**open));
        let possible = match pattern {
            // The entry that is being read may carry any tag.
            Pattern::Tag(_) | Pattern::AllTags(_) | Pattern::TagPrefix(_) if state.reading => true,
            Pattern::Tag(tag) => open(tag),
            Pattern::AllTags(all) => all.iter().all(|tag| open(tag) || state.tags.contains(tag)),
            Pattern::TagPrefix(tag) => {
                open(tag) || state.open_tags.iter().any(|open| open.starts_with(&**tag))
            }
            _ => false,
        };
        if possible {
            Coverage::Possible
        } else {
            Coverage::None
        }
    }
}

/// A turn to run the body. When it is dropped, another caller gets it, even if it was taken without waiting for one:
/// callers whose turns are stuck do not give theirs back.
#[derive(Debug)]
pub(crate) struct Turn<'a, H> {
    flight: &'a Flight<H>,
}

impl<H> Drop for Turn<'_, H> {
    fn drop(&mut self) {
        self.flight.turns.fetch_add(1, Ordering::SeqCst);
        self.flight.side_by_side.add_permits(1);
    }
}

/// Whether a removal names what a flight loads.
enum Coverage {
    None,
    Certain,
    /// It depends on tags that are known only from the result.
    Possible,
}

#[cfg(test)]
mod tests;
