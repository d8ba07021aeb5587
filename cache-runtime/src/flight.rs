//! One load per key in this process (P3), and who may share it (P2).
//!
//! The first caller of a key leads its *flight*; later ones wait. A waiter shares a load that began after it arrived. A
//! load that had already begun may have read what was removed before the waiter came, so it is shared only on the verdict
//! of the store: the lease stood to the end, so nobody removed the key meanwhile. Without that verdict the waiter starts
//! over.
//!
//! A leader that is dropped leaves the lead, and its lease, to a waiter. A removal *retires* the flights that it names:
//! they finish for whoever waits, and nobody joins them any more.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::key::{CacheKey, Pattern, templates_meet};
use crate::memory::Kept;
use crate::sabotage::{Safeguard, off};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Notify};

/// How a load ended, for those who waited.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// A value; `None` is an absence that is cached.
    Value(Kept),
    /// The body returned `None`, which is not cached.
    Nothing,
    /// The body failed; the error can be cloned.
    Error(Arc<dyn Any + Send + Sync>),
    /// The leader gave up on the body; each waiter says so in its own type.
    TimedOut,
    /// The result cannot be shared: everybody runs the body, a few at a time.
    Unshared,
}

impl Outcome {
    /// No value: an older one may be wanted instead.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Error(_) | Self::TimedOut)
    }
}

/// What a leader holds at the key in Redis. Given up when nobody takes over.
pub(crate) trait Hold: Send + 'static {
    fn give_up(self);
}

impl<H: Hold> Hold for Box<H> {
    fn give_up(self) {
        (*self).give_up();
    }
}

/// How many callers run the body side by side after a load whose result cannot be shared.
const SIDE_BY_SIDE: usize = 16;

/// Each is a step more to explore.
const SHARDS: usize = if cfg!(shuttle) { 2 } else { 16 };

/// The flights that may be joined, by key.
type Joinable<H> = HashMap<Box<str>, Arc<Flight<H>>>;

#[derive(Debug)]
pub(crate) struct Flights<H: Hold> {
    shards: [Mutex<Joinable<H>>; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
    bound: usize,
}

#[derive(Debug)]
pub(crate) struct Flight<H> {
    key: Box<str>,
    /// The template of the key, as in the entry.
    template: u64,
    /// Tags the value will carry, as far as they are known.
    tags: Vec<String>,
    /// Literal beginnings of tags that only the result tells.
    open_tags: Vec<String>,
    retired: AtomicBool,
    dirty: AtomicBool,
    state: Mutex<State<H>>,
    changed: Notify,
    pushed: Notify,
    side_by_side: Semaphore,
}

#[derive(Debug)]
struct State<H> {
    /// Loads begun by this flight's leaders so far.
    loads: u32,
    /// The leader is still asking Redis.
    reading: bool,
    waiters: usize,
    stage: Stage<H>,
    /// A value that somebody found who ran the body after an outcome that could not be shared.
    rescued: Option<Outcome>,
}

#[derive(Debug)]
enum Stage<H> {
    Led,
    /// The leader was dropped.
    Vacant(Option<H>),
    /// The load is done, the store is not settled.
    Loaded(Outcome),
    /// The last word; `true`: even those who came during the load may have it.
    Settled(Outcome, bool),
}

pub(crate) enum Joined<H: Hold> {
    Lead(Lead<H>),
    Wait(Waiter<H>),
    /// Another function's load of a key that happens to read the same: go alone.
    Other,
    /// Too many flights: go alone.
    Full,
}

pub(crate) enum Waited<H: Hold> {
    Shared(Outcome),
    Lead(Lead<H>),
    /// The result cannot be shared: run the body, by [`Flight::turn`].
    Alone(Arc<Flight<H>>),
    Again,
}

impl<H: Hold> Flights<H> {
    pub(crate) fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self {
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            bound,
        })
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
            if !templates_meet(flight.template, template) {
                return Joined::Other;
            }
            if let Some(waiter) = Waiter::join(self, flight) {
                return Joined::Wait(waiter);
            }
            flights.remove(key);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.bound {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Joined::Full;
        }
        let flight = Arc::new(Flight {
            key: key.into(),
            template,
            tags: tags.to_vec(),
            open_tags: open_tags.to_vec(),
            retired: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            state: Mutex::new(State {
                loads: 0,
                reading: true,
                waiters: 0,
                stage: Stage::Led,
                rescued: None,
            }),
            changed: Notify::new(),
            pushed: Notify::new(),
            side_by_side: Semaphore::new(SIDE_BY_SIDE),
        });
        flights.insert(key.into(), flight.clone());
        Joined::Lead(Lead {
            flights: self.clone(),
            flight,
            hold: None,
            unconfirmed: None,
            finished: false,
        })
    }

    /// Somebody leads a load of the key.
    pub(crate) fn is_under_way(&self, key: &str) -> bool {
        self.shard(key).lock().contains_key(key)
    }

    /// Redis says that the key changed: what is being read may be older than that.
    pub(crate) fn pushed(&self, key: &str) {
        if let Some(flight) = self.shard(key).lock().get(key) {
            flight.dirty.store(true, Ordering::SeqCst);
            flight.pushed.notify_one();
        }
    }

    /// Nobody who comes from now on shares the flights that the pattern names; none of them fills memory.
    pub(crate) fn retire(&self, pattern: &Pattern, spared: Option<&Flight<H>>) {
        let matching = |flight: &Arc<Flight<H>>| {
            !spared.is_some_and(|spared| std::ptr::eq(spared, &**flight)) && flight.matches(pattern)
        };
        let retire = |flights: &mut Joinable<H>| {
            let before = flights.len();
            flights.retain(|_, flight| {
                let retired = matching(flight);
                if retired {
                    flight.retired.store(true, Ordering::SeqCst);
                }
                !retired
            });
            self.count
                .fetch_sub(before - flights.len(), Ordering::Relaxed);
        };
        if off(Safeguard::Retire) {
            return;
        }
        match pattern {
            Pattern::Key(key) => {
                let mut flights = self.shard(key).lock();
                if let Some(flight) = flights.get(&**key)
                    && matching(flight)
                {
                    flight.retired.store(true, Ordering::SeqCst);
                    flights.remove(&**key);
                    self.count.fetch_sub(1, Ordering::Relaxed);
                }
            }
            _ => self
                .shards
                .iter()
                .for_each(|shard| retire(&mut shard.lock())),
        }
    }

    fn leave(&self, flight: &Arc<Flight<H>>) {
        let mut flights = self.shard(&flight.key).lock();
        if flights
            .get(&flight.key)
            .is_some_and(|standing| Arc::ptr_eq(standing, flight))
        {
            flights.remove(&flight.key);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many are counted, and how many can be joined.
    #[cfg(all(test, shuttle))]
    pub(crate) fn standing(&self) -> (usize, usize) {
        let joinable = self.shards.iter().map(|shard| shard.lock().len()).sum();
        (self.count.load(Ordering::Relaxed), joinable)
    }

    fn shard(&self, key: &str) -> &Mutex<Joinable<H>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

impl<H> Flight<H> {
    /// A copy of what this flight read or loaded may go into memory.
    pub(crate) fn may_fill(&self) -> bool {
        off(Safeguard::Guard)
            || !self.retired.load(Ordering::SeqCst) && !self.dirty.load(Ordering::SeqCst)
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Before each read whose reply may go into memory.
    pub(crate) fn clean(&self) {
        self.dirty.store(false, Ordering::SeqCst);
    }

    /// Redis said that the key changed, since this was last awaited.
    pub(crate) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// A turn to run the body after an outcome that could not be shared, unless somebody else's turn found a value.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Outcome> {
        let permit = self.side_by_side.acquire().await;
        match (self.state.lock().rescued.clone(), permit) {
            (Some(outcome), _) => Err(outcome),
            (None, Ok(permit)) => Ok(permit),
            (None, Err(_)) => unreachable!("the semaphore is never closed"),
        }
    }

    /// A turn found a value: the others, who all came before it began, may have it.
    pub(crate) fn rescue(&self, outcome: Outcome) {
        self.state.lock().rescued = Some(outcome);
    }

    fn matches(&self, pattern: &Pattern) -> bool {
        let open = |tag: &str| self.open_tags.iter().any(|open| tag.starts_with(&**open));
        match pattern {
            Pattern::Tag(tag) if open(tag) => true,
            Pattern::AllTags(all) => all.iter().all(|tag| open(tag) || self.tags.contains(tag)),
            Pattern::TagPrefix(tag)
                if open(tag) || self.open_tags.iter().any(|open| open.starts_with(&**tag)) =>
            {
                true
            }
            _ => pattern.matches(&self.key, &self.tags),
        }
    }
}

/// The right, and the duty, to end a flight. Dropped early, it is handed to a waiter.
#[derive(Debug)]
pub(crate) struct Lead<H: Hold> {
    flights: Arc<Flights<H>>,
    flight: Arc<Flight<H>>,
    /// Handed over with the lead: it has been standing since before any load that follows.
    pub(crate) hold: Option<H>,
    /// Sent, but not confirmed: never handed over. It may come to stand only after a removal that the next load has not
    /// seen, and would then let that load's value in.
    pub(crate) unconfirmed: Option<H>,
    finished: bool,
}

impl<H: Hold> Lead<H> {
    pub(crate) fn flight(&self) -> &Arc<Flight<H>> {
        &self.flight
    }

    /// The body begins now: who comes from here on has come during the load.
    pub(crate) fn begin(&self) {
        let mut state = self.flight.state.lock();
        state.loads += 1;
        state.reading = false;
    }

    /// No load was needed.
    pub(crate) fn found(mut self, outcome: Outcome) {
        self.finish(Stage::Settled(outcome, true));
    }

    /// The load is done. Those who came before it go with it; the rest wait for [`Lead::settle`].
    pub(crate) fn loaded(&self, outcome: Outcome) {
        self.flight.state.lock().stage = Stage::Loaded(outcome);
        self.flight.changed.notify_waiters();
    }

    /// The verdict on the load: `sure` when no removal can have come between.
    pub(crate) fn settle(mut self, outcome: Outcome, sure: bool) {
        self.finish(Stage::Settled(outcome, sure));
    }

    fn finish(&mut self, stage: Stage<H>) {
        self.finished = true;
        // Out of the map first: whoever finds the flight after this has found a settled one and starts over.
        self.flights.leave(&self.flight);
        self.flight.state.lock().stage = stage;
        self.flight.changed.notify_waiters();
    }
}

impl<H: Hold> Drop for Lead<H> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if let Some(unconfirmed) = self.unconfirmed.take() {
            unconfirmed.give_up();
        }
        let hold = self.hold.take();
        let mut state = self.flight.state.lock();
        let loaded = match &state.stage {
            Stage::Loaded(outcome) => Some(outcome.clone()),
            _ => None,
        };
        let unused = if let Some(outcome) = loaded {
            // The task that was to settle the store is gone: no verdict.
            state.stage = Stage::Settled(outcome, false);
            hold
        } else if state.waiters > 0 {
            state.stage = Stage::Vacant(hold);
            drop(state);
            self.flight.changed.notify_waiters();
            return;
        } else {
            state.stage = Stage::Settled(Outcome::Unshared, false);
            hold
        };
        drop(state);
        self.flights.leave(&self.flight);
        self.flight.changed.notify_waiters();
        if let Some(hold) = unused {
            hold.give_up();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Waiter<H: Hold> {
    flights: Arc<Flights<H>>,
    flight: Arc<Flight<H>>,
    /// Loads that had begun when this waiter came.
    seen: u32,
    /// The value was there already; only the verdict was out.
    was_loaded: bool,
    /// No verdict will do: only a load that began after this waiter came.
    loads_only: bool,
}

impl<H: Hold> Waiter<H> {
    fn join(flights: &Arc<Flights<H>>, flight: &Arc<Flight<H>>) -> Option<Self> {
        let mut state = flight.state.lock();
        // A removal was pushed while the leader's read was under way: its reply may be from before. A load that follows
        // will not be.
        let overtaken = state.reading
            && matches!(state.stage, Stage::Led)
            && flight.dirty.load(Ordering::SeqCst);
        if flight.is_retired() || matches!(state.stage, Stage::Settled(..)) {
            return None;
        }
        state.waiters += 1;
        let was_loaded = matches!(state.stage, Stage::Loaded(_));
        Some(Self {
            flights: flights.clone(),
            flight: flight.clone(),
            seen: state.loads,
            was_loaded,
            loads_only: overtaken,
        })
    }

    /// The load had ended before this waiter came: sharing it is a hit, not a collapsed miss.
    pub(crate) fn was_loaded(&self) -> bool {
        self.was_loaded
    }

    /// The same for a reader that shares nothing but a load which began after it came.
    pub(crate) async fn wait_for_load(mut self) -> Waited<H> {
        self.loads_only = true;
        self.wait().await
    }

    /// Waits for the flight to end, or for the lead to fall to this waiter.
    ///
    /// Cancellation: dropping it leaves the flight to the others; the last one out gives up what a dropped leader held.
    pub(crate) async fn wait(self) -> Waited<H> {
        loop {
            let changed = self.flight.changed.notified();
            tokio::pin!(changed);
            // Registered before the stage is looked at, or a change between the two would be missed.
            changed.as_mut().enable();
            if let Some(end) = self.look() {
                return end;
            }
            changed.await;
        }
    }

    fn look(&self) -> Option<Waited<H>> {
        let mut state = self.flight.state.lock();
        let came_before = self.seen < state.loads;
        match &mut state.stage {
            Stage::Led => None,
            Stage::Vacant(hold) => {
                let hold = hold.take();
                state.stage = Stage::Led;
                state.reading = hold.is_none();
                let (flights, flight) = (self.flights.clone(), self.flight.clone());
                Some(Waited::Lead(Lead {
                    flights,
                    flight,
                    hold,
                    unconfirmed: None,
                    finished: false,
                }))
            }
            Stage::Loaded(outcome) => came_before.then(|| self.end(outcome)),
            Stage::Settled(outcome, sure)
                if came_before || (*sure && !self.loads_only) || off(Safeguard::Verdict) =>
            {
                Some(self.end(outcome))
            }
            Stage::Settled(..) => Some(Waited::Again),
        }
    }

    fn end(&self, outcome: &Outcome) -> Waited<H> {
        match outcome {
            Outcome::Unshared => Waited::Alone(self.flight.clone()),
            outcome => Waited::Shared(outcome.clone()),
        }
    }
}

impl<H: Hold> Drop for Waiter<H> {
    fn drop(&mut self) {
        let mut state = self.flight.state.lock();
        state.waiters -= 1;
        let last = state.waiters == 0;
        let unused = match &mut state.stage {
            Stage::Vacant(hold) if last => {
                let hold = hold.take();
                state.stage = Stage::Settled(Outcome::Unshared, false);
                hold
            }
            _ => return,
        };
        drop(state);
        self.flights.leave(&self.flight);
        if let Some(hold) = unused {
            hold.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Hold for Nothing {
        fn give_up(self) {}
    }

    fn lead(flights: &Arc<Flights<Nothing>>) -> Lead<Nothing> {
        match flights.join(&CacheKey::new("k"), &[], &[]) {
            Joined::Lead(lead) => lead,
            _ => panic!("nobody else leads"),
        }
    }

    fn waiter(flights: &Arc<Flights<Nothing>>) -> Waiter<Nothing> {
        match flights.join(&CacheKey::new("k"), &[], &[]) {
            Joined::Wait(waiter) => waiter,
            _ => panic!("a flight stands"),
        }
    }

    #[tokio::test]
    async fn who_comes_after_a_push_joins_but_does_not_share_what_was_read_before_it() {
        let flights = Flights::new(8);
        let reading = lead(&flights);
        let before = waiter(&flights);
        reading.flight().clean();
        flights.pushed("k");
        let after = waiter(&flights);
        assert!(!reading.flight().may_fill());
        reading.found(Outcome::Value(None));
        assert!(matches!(before.wait().await, Waited::Shared(_)));
        assert!(matches!(after.wait().await, Waited::Again));

        let reading = lead(&flights);
        flights.pushed("k");
        let after = waiter(&flights);
        reading.begin();
        reading.settle(Outcome::Value(None), false);
        assert!(
            matches!(after.wait().await, Waited::Shared(_)),
            "this load began later"
        );
    }

    #[tokio::test]
    async fn a_reader_that_has_asked_redis_itself_shares_later_loads_and_nothing_else() {
        let value = || Outcome::Value(None);
        let flights = Flights::new(8);
        let reading = lead(&flights);
        let waiter_for_any = waiter(&flights);
        let waiter_for_load = waiter(&flights);
        reading.found(value());
        assert!(matches!(waiter_for_any.wait().await, Waited::Shared(_)));
        assert!(
            matches!(waiter_for_load.wait_for_load().await, Waited::Again),
            "the reply may be older"
        );

        let loading = lead(&flights);
        let before = waiter(&flights);
        loading.begin();
        let during = waiter(&flights);
        loading.settle(value(), true);
        assert!(matches!(before.wait_for_load().await, Waited::Shared(_)));
        assert!(
            matches!(during.wait_for_load().await, Waited::Again),
            "the store may have been removed"
        );
    }
}
