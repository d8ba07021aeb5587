//! Which of the removals that a transaction has collected are in an outbox, and what is to be done there once they are
//! durable.

use std::collections::BTreeSet;
use std::fmt;

#[derive(Default)]
pub(super) struct InOutbox {
    /// Positions among the collected removals.
    positions: BTreeSet<usize>,
    /// Called when all removals of the transaction are durable.
    once_durable: Vec<Box<dyn FnOnce() + Send>>,
}

impl InOutbox {
    pub(super) fn has(&self, position: usize) -> bool {
        self.positions.contains(&position)
    }

    pub(super) fn has_any(&self) -> bool {
        !self.positions.is_empty()
    }

    pub(super) fn add(&mut self, positions: Vec<usize>, once_durable: Box<dyn FnOnce() + Send>) {
        self.positions.extend(positions);
        self.once_durable.push(once_durable);
    }

    pub(super) fn removals_are_durable(&mut self) {
        for tell in self.once_durable.drain(..) {
            tell();
        }
    }
}

impl fmt::Debug for InOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InOutbox")
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}
