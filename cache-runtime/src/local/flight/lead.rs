//! The leader of a flight.

use std::sync::Arc;

use crate::local::flight::{Flight, Flights, HeldLease, Outcome, Stage};

/// The lead of a flight; its holder must end the flight. If it is dropped early, a waiter takes over.
#[derive(Debug)]
pub(crate) struct Lead<H: HeldLease> {
    pub(super) flights: Arc<Flights<H>>,
    pub(super) flight: Arc<Flight<H>>,
    /// Handed over with the lead: it has been in Redis since before any load that follows.
    pub(crate) lease: Option<H>,
    /// A lease that was sent but not confirmed. It is never handed over: Redis may plant it only after a removal that
    /// the next load has not seen, and it would then let that load's value be stored.
    pub(crate) unconfirmed: Option<H>,
    pub(super) finished: bool,
}

impl<H: HeldLease> Lead<H> {
    pub(crate) fn flight(&self) -> &Arc<Flight<H>> {
        &self.flight
    }

    /// The body begins now: callers that join from here on come during the load.
    pub(crate) fn begin(&self) {
        let mut state = self.flight.state.lock();
        state.loads += 1;
        state.reading = false;
        // A removal made before the load began does not affect its result.
        state.possible_removals.clear();
    }

    /// Ends the flight without a load, because none was needed.
    pub(crate) fn found(mut self, outcome: Outcome) {
        self.finish(Stage::Settled(outcome, true));
    }

    /// From now on nobody joins the flight.
    pub(crate) fn unlist(&self) {
        self.flights.unlist(&self.flight);
    }

    /// The load is done. Waiters that came before it began share it now; the others wait for [`Lead::settle`].
    pub(crate) fn loaded(&self, outcome: Outcome) {
        self.flight.state.lock().stage = Stage::Loaded(outcome);
        self.flight.changed.notify_waiters();
    }

    /// Ends the flight with the verdict on its load: `sure` if no removal can have come in between.
    pub(crate) fn settle(mut self, outcome: Outcome, sure: bool) {
        self.finish(Stage::Settled(outcome, sure));
    }

    fn finish(&mut self, stage: Stage<H>) {
        self.finished = true;
        // Removed from the map first: a caller that still has the flight afterwards finds it settled, and starts over.
        self.flights.unlist(&self.flight);
        self.flight.state.lock().stage = stage;
        self.flight.changed.notify_waiters();
    }
}

impl<H: HeldLease> Drop for Lead<H> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if let Some(unconfirmed) = self.unconfirmed.take() {
            unconfirmed.give_up();
        }
        let lease = self.lease.take();
        let mut state = self.flight.state.lock();
        let loaded = match &state.stage {
            Stage::Loaded(outcome) => Some(outcome.clone()),
            _ => None,
        };
        let unused = if let Some(outcome) = loaded {
            // The task that was to settle the store is gone: no verdict.
            state.stage = Stage::Settled(outcome, false);
            lease
        } else if state.waiters > 0 {
            state.stage = Stage::Vacant(lease);
            drop(state);
            self.flight.changed.notify_waiters();
            return;
        } else {
            state.stage = Stage::Settled(Outcome::Unshared, false);
            lease
        };
        drop(state);
        self.flights.unlist(&self.flight);
        self.flight.changed.notify_waiters();
        if let Some(lease) = unused {
            lease.give_up();
        }
    }
}
