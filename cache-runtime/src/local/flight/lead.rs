//! The leader's part of a flight.

use std::sync::Arc;

use crate::local::flight::{Flight, Flights, Hold, Outcome, Stage};

/// The right, and the duty, to end a flight. Dropped early, it is handed to a waiter.
#[derive(Debug)]
pub(crate) struct Lead<H: Hold> {
    pub(super) flights: Arc<Flights<H>>,
    pub(super) flight: Arc<Flight<H>>,
    /// Handed over with the lead: it has been standing since before any load that follows.
    pub(crate) hold: Option<H>,
    /// Sent, but not confirmed: never handed over. It may come to stand only after a removal that the next load has not
    /// seen, and would then let that load's value in.
    pub(crate) unconfirmed: Option<H>,
    pub(super) finished: bool,
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
        // A removal made before the load began does not affect its result.
        state.suspects.clear();
    }

    /// No load was needed.
    pub(crate) fn found(mut self, outcome: Outcome) {
        self.finish(Stage::Settled(outcome, true));
    }

    /// Nobody joins the flight any more.
    pub(crate) fn unlist(&self) {
        self.flights.leave(&self.flight);
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
