//! How far away a server is: the shortest of its latest round trips, so that a short burst of work does not look like
//! distance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

/// How many round trips are remembered, one per heartbeat.
const LATEST: usize = 4;

#[derive(Debug)]
pub(in crate::redis) struct RoundTrip {
    latest: Mutex<[Duration; LATEST]>,
    /// The shortest of them, in microseconds.
    shortest: AtomicU64,
}

impl RoundTrip {
    pub(in crate::redis) fn new(first: Duration) -> Self {
        let round_trip = Self {
            latest: Mutex::new([first; LATEST]),
            shortest: AtomicU64::new(0),
        };
        round_trip.took(first);
        round_trip
    }

    /// Notes how long an answer took.
    pub(in crate::redis) fn took(&self, time: Duration) {
        let mut latest = self.latest.lock();
        latest.rotate_left(1);
        latest[LATEST - 1] = time;
        let shortest = latest.iter().min().copied().unwrap_or(time);
        let micros = u64::try_from(shortest.as_micros()).unwrap_or(u64::MAX);
        self.shortest.store(micros, Relaxed);
    }

    pub(in crate::redis) fn shortest(&self) -> Duration {
        Duration::from_micros(self.shortest.load(Relaxed))
    }

    /// True if one round trip fits into that time, with an eighth to spare.
    pub(in crate::redis) fn fits_into(&self, time: Duration) -> bool {
        self.shortest() * 9 / 8 <= time
    }

    /// True if two round trips, one after the other, fit into that time.
    pub(in crate::redis) fn fits_twice_into(&self, time: Duration) -> bool {
        self.shortest() * 9 / 4 <= time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(50);

    #[test]
    fn one_slow_answer_is_no_distance_and_four_are() {
        let round_trip = RoundTrip::new(Duration::from_millis(1));
        for _ in 0..3 {
            round_trip.took(Duration::from_millis(80));
            assert!(round_trip.fits_twice_into(BUDGET));
        }
        round_trip.took(Duration::from_millis(80));
        assert!(!round_trip.fits_into(BUDGET));
        round_trip.took(Duration::from_millis(40));
        assert!(round_trip.fits_into(BUDGET) && !round_trip.fits_twice_into(BUDGET));
    }
}
