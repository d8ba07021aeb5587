//! A waiter of a flight: which load it may share.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::common::safeguard::{Safeguard, off};
use crate::common::{parked, sync};
use crate::local::flight::pulse::{self, LOOK_EVERY};
use crate::local::flight::{
    BLOCKED, Flight, Flights, HeldLease, Lead, Outcome, STUCK, Stage, Waited, Watch,
};

#[derive(Debug)]
pub(crate) struct Waiter<H: HeldLease> {
    flights: Arc<Flights<H>>,
    flight: Arc<Flight<H>>,
    /// How many loads had begun when this waiter came.
    seen: u32,
    /// The load had ended when this waiter came; only the verdict was missing.
    was_loaded: bool,
    /// This waiter shares only a load that began after it came, whatever the verdict.
    loads_only: bool,
}

impl<H: HeldLease> Waiter<H> {
    pub(super) fn join(
        flights: &Arc<Flights<H>>,
        flight: &Arc<Flight<H>>,
        tags: &[String],
        open_tags: &[String],
    ) -> Option<Self> {
        let mut state = flight.state.lock();
        // A removal was pushed while the leader's read was under way, so the reply may be from before the removal. A
        // load that follows is not.
        let reading = state.reading && matches!(state.stage, Stage::Led);
        let overtaken =
            reading && flight.dirty.load(Ordering::SeqCst) || !state.possible_removals.is_empty();
        if flight.is_retired()
            || flight.pulse.is_dead()
            || matches!(state.stage, Stage::Settled(..) | Stage::Abandoned)
        {
            return None;
        }
        state.waiters += 1;
        for tag in tags {
            if !state.tags.contains(tag) {
                state.tags.push(tag.clone());
            }
        }
        for open in open_tags {
            if !state.open_tags.contains(open) {
                state.open_tags.push(open.clone());
            }
        }
        let was_loaded = matches!(state.stage, Stage::Loaded(_));
        Some(Self {
            flights: flights.clone(),
            flight: flight.clone(),
            seen: state.loads,
            was_loaded,
            loads_only: overtaken,
        })
    }

    /// True if the load had ended before this waiter came: sharing it is a hit, not a coalesced miss.
    pub(crate) fn was_loaded(&self) -> bool {
        self.was_loaded
    }

    /// True if the load replaces a value that can be read meanwhile and may suffice for this waiter.
    pub(crate) fn refreshes(&self) -> bool {
        self.flight.refreshes.load(Ordering::SeqCst)
    }

    /// Like [`Waiter::wait`], but shares only a load that began after this waiter came.
    pub(crate) async fn wait_for_load(mut self) -> Waited<H> {
        self.loads_only = true;
        self.wait().await
    }

    /// Waits for the flight to end, or for this waiter to become the leader.
    ///
    /// Cancellation: the other waiters keep the flight. The last one that is dropped gives up what a dropped leader
    /// held.
    pub(crate) async fn wait(self) -> Waited<H> {
        let mut verdict_out = None;
        let mut watch = Watch::default();
        loop {
            let changed = self.flight.changed.notified();
            tokio::pin!(changed);
            // Registered before the stage is looked at; otherwise a change between the two would be missed.
            changed.as_mut().enable();
            if let Some(end) = self.look(&mut verdict_out) {
                return end;
            }
            if !sync::within(LOOK_EVERY, changed).await
                && watch.finds_dead(&self.flight.pulse, self.flights.looks)
            {
                self.flights.abandon(&self.flight);
            }
        }
    }

    /// Like [`Waiter::wait`], on a thread, which sleeps meanwhile. `loads_only`: shares only a load that began after this
    /// waiter came. `None`: this waiter does not wait any longer.
    ///
    /// A leader on a thread that has ended or panicked is dropped, so a leader that is there is alive. But its body may wait,
    /// directly or not, for what this thread holds: then a thread that leads a load itself goes on after [`STUCK`]. Of all
    /// other threads, one goes on whenever nothing has ended for [`BLOCKED`].
    pub(crate) fn block(mut self, loads_only: bool) -> Option<Waited<H>> {
        self.loads_only |= loads_only;
        let nested = pulse::is_driving();
        let limit = if nested { STUCK } else { BLOCKED };
        let mut ended = self.flight.turns.load(Ordering::SeqCst);
        let mut verdict_out = None;
        loop {
            let changed = self.flight.changed.notified();
            tokio::pin!(changed);
            // Registered before the stage is looked at, as in `wait`.
            changed.as_mut().enable();
            if let Some(end) = self.look(&mut verdict_out) {
                return Some(end);
            }
            let waited = parked::within(limit, changed);
            if waited.is_none() && (nested || self.flight.runs_without_turn(&mut ended)) {
                return None;
            }
        }
    }

    /// Looks at the stage. `verdict_out`: since when only the verdict has been missing.
    fn look(&self, verdict_out: &mut Option<Instant>) -> Option<Waited<H>> {
        let mut state = self.flight.state.lock();
        let came_before = self.seen < state.loads;
        match &mut state.stage {
            Stage::Led => None,
            Stage::Vacant(lease) => {
                let lease = lease.take();
                state.stage = Stage::Led;
                state.reading = lease.is_none();
                let (flights, flight) = (self.flights.clone(), self.flight.clone());
                Some(Waited::Lead(Lead {
                    flights,
                    flight,
                    lease,
                    unconfirmed: None,
                    finished: false,
                }))
            }
            Stage::Abandoned => Some(Waited::Again(Duration::ZERO)),
            Stage::Loaded(outcome) if came_before => Some(self.end(outcome)),
            Stage::Loaded(_) => {
                verdict_out.get_or_insert_with(Instant::now);
                None
            }
            Stage::Settled(outcome, sure)
                if came_before || (*sure && !self.loads_only) || off(Safeguard::Verdict) =>
            {
                Some(self.end(outcome))
            }
            Stage::Settled(..) => Some(Waited::Again(
                verdict_out.map_or(Duration::ZERO, |since| since.elapsed()),
            )),
        }
    }

    fn end(&self, outcome: &Outcome) -> Waited<H> {
        match outcome {
            Outcome::Failed | Outcome::Unshared => {
                Waited::Alone(self.flight.clone(), outcome.is_failure())
            }
            outcome => Waited::Shared(outcome.clone()),
        }
    }
}

impl<H: HeldLease> Drop for Waiter<H> {
    fn drop(&mut self) {
        let mut state = self.flight.state.lock();
        state.waiters -= 1;
        let last = state.waiters == 0;
        let unused = match &mut state.stage {
            Stage::Vacant(lease) if last => {
                let lease = lease.take();
                state.stage = Stage::Settled(Outcome::Unshared, false);
                lease
            }
            _ => return,
        };
        drop(state);
        self.flights.unlist(&self.flight);
        if let Some(lease) = unused {
            lease.give_up();
        }
    }
}
