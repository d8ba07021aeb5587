//! The state of this process: the memory tier, the flights, and the fence between times with Redis and without.

pub(crate) mod backoff;
pub(crate) mod failing;
pub(crate) mod flight;
mod index;
pub(crate) mod memory;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::common::safeguard::{Safeguard, off};
use crate::common::sync::AtomicU64;
use crate::key::Pattern;
use crate::local::flight::{Flight, Flights, HeldLease};
use crate::local::memory::{Memory, MemoryEntry};

/// A fence that is never up to date.
pub(crate) const CLOSED_FENCE: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Local<H: HeldLease> {
    pub(crate) memory: Memory,
    pub(crate) flights: Arc<Flights<H>>,
    /// The loads of functions that are not `async`. Their waiters block a thread, so they must not wait for the leader of
    /// one of the other flights: it may be a task of the same thread.
    pub(crate) threads: Arc<Flights<H>>,
    /// Counts the switches between Redis and an outage, and every push that everything changed. A value that was read
    /// or loaded before one of these never fills memory after it.
    fence: AtomicU64,
}

impl<H: HeldLease> Local<H> {
    pub(crate) fn new(memory: Memory, max_flights: usize, budget: Duration) -> Self {
        Self {
            memory,
            flights: Flights::new(max_flights, budget),
            threads: Flights::new(max_flights, budget),
            fence: AtomicU64::new(0),
        }
    }

    pub(crate) fn fence(&self) -> u64 {
        self.fence.load(Ordering::SeqCst)
    }

    pub(crate) fn raise_fence(&self) {
        self.fence.fetch_add(1, Ordering::SeqCst);
    }

    /// Puts a copy into memory unless a removal, a push or a switch has come since the fence was read. The condition is
    /// checked under memory's writer lock, which every removal takes after it has marked the flight. `stands`: a
    /// further condition that is checked there.
    pub(crate) fn fill(
        &self,
        flight: &Flight<H>,
        fence: u64,
        key: &str,
        copy: MemoryEntry,
        stands: impl FnOnce() -> bool,
    ) -> bool {
        let tags = copy.tags.clone();
        self.memory.fill(key, copy, || {
            self.is_untouched(flight, fence, &tags) && stands()
        })
    }

    /// True if no removal, push or switch has affected a value with these tags since the fence was read.
    pub(crate) fn is_untouched(&self, flight: &Flight<H>, fence: u64, tags: &[String]) -> bool {
        // A flight from before the cache was divided does not hear of removals in this part of it.
        let hears = self.flights.own(flight) || self.threads.own(flight);
        hears && flight.may_fill(tags) && (self.fence() == fence || off(Safeguard::Fence))
    }

    /// A push: the key changed in Redis.
    pub(crate) fn changed(&self, key: &str) {
        self.flights.pushed(key);
        self.threads.pushed(key);
        self.memory.remove(key);
    }

    /// A push: everything changed.
    pub(crate) fn everything_changed(&self) {
        self.raise_fence();
        self.memory.clear();
    }

    /// Removes what the patterns name: flights first, so that a fill that comes too late is refused.
    pub(crate) fn remove(&self, patterns: &[Pattern], spared: Option<&Flight<H>>) -> u64 {
        let mut removed = 0;
        for pattern in patterns {
            self.flights.retire(pattern, spared);
            self.threads.retire(pattern, spared);
            removed += self.memory.remove_matching(pattern, None);
        }
        removed
    }
}
