//! Keys whose loads bear no fruit: three results in a row that are not stored, and the next loads go without a lease for
//! a second. Planting and releasing for an id that does not exist would be two commands for nothing.
//!
//! A small table without locks that forgets: two keys that share a place only cost each other a second's storing.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

const PLACES: usize = 1024;

/// Fruitless loads in a row.
const PATIENCE: u64 = 3;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Barren {
    /// Fruitless loads in the two lowest bits, above them when the last was, in ms.
    places: Box<[AtomicU64]>,
    hasher: RandomState,
    origin: Instant,
}

impl Barren {
    pub(crate) fn new() -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self {
            places,
            hasher: RandomState::new(),
            origin: Instant::now(),
        }
    }

    /// This key's loads go without a lease for now.
    pub(crate) fn is(&self, key: &str) -> bool {
        let place = self.place(key).load(Relaxed);
        place & 3 == PATIENCE && self.now().saturating_sub(place >> 2) < PAUSE.as_millis() as u64
    }

    /// A load gave nothing to store.
    pub(crate) fn fruitless(&self, key: &str) {
        let place = self.place(key);
        let before = place.load(Relaxed);
        let count = (before & 3).min(PATIENCE - 1) + 1;
        // After a pause the key is tried once more, and given up at once if that bears nothing either.
        if !(before & 3 == PATIENCE && self.is(key)) {
            place.store(self.now() << 2 | count, Relaxed);
        }
    }

    /// A load gave a value.
    pub(crate) fn fruitful(&self, key: &str) {
        let place = self.place(key);
        if place.load(Relaxed) != 0 {
            place.store(0, Relaxed);
        }
    }

    fn place(&self, key: &str) -> &AtomicU64 {
        &self.places[self.hasher.hash_one(key) as usize % PLACES]
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_in_a_row_and_then_a_pause() {
        let barren = Barren::new();
        for _ in 0..3 {
            assert!(!barren.is("a"));
            barren.fruitless("a");
        }
        assert!(barren.is("a"));
        tokio::time::advance(PAUSE).await;
        assert!(!barren.is("a"), "tried once more");
        barren.fruitless("a");
        assert!(barren.is("a"), "and given up at once");
        barren.fruitful("a");
        assert!(!barren.is("a"));
    }
}
