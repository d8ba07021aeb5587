//! The server's clock, as far as this process knows it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// An offset between two clocks: the server's, and this process's monotonic one. Each heartbeat measures it anew.
#[derive(Debug)]
pub(in crate::redis) struct ServerClock {
    origin: Instant,
    /// Server time minus the time since `origin`, in microseconds.
    offset: AtomicI64,
    /// How long the answer took from which the offset was computed, in microseconds; the offset is right to within half
    /// of that. Each much slower answer since then has raised this value.
    took: AtomicU64,
    /// The server's latest answer, in microseconds.
    latest: AtomicI64,
}

impl ServerClock {
    pub(in crate::redis) fn new(origin: Instant) -> Self {
        Self {
            origin,
            offset: AtomicI64::new(0),
            took: AtomicU64::new(u64::MAX / 4),
            latest: AtomicI64::new(0),
        }
    }

    /// Takes in the server's time, in microseconds. It is unknown when, between question and answer, the server read its
    /// clock. So an answer that took much longer than those before is less exact, and is not used at first.
    pub(in crate::redis) fn heard(&self, sent: Instant, took: Duration, server: i64) {
        self.latest.store(server, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 4);
        let known = self.took.load(Relaxed);
        if micros > 2 * known + JITTER {
            self.took.store(2 * known + JITTER, Relaxed);
            return;
        }
        self.took.store(micros, Relaxed);
        self.offset
            .store(server - self.since_origin(sent + took / 2), Relaxed);
    }

    /// The server's time in microseconds since the epoch.
    pub(in crate::redis) fn now(&self) -> i64 {
        self.since_origin(Instant::now()) + self.offset.load(Relaxed)
    }

    /// The same for what other processes see. It is not far beyond what the server has said: this process's clock may be one
    /// that a test has turned.
    pub(in crate::redis) fn told(&self) -> i64 {
        self.now().min(self.latest.load(Relaxed) + AHEAD)
    }

    fn since_origin(&self, at: Instant) -> i64 {
        i64::try_from(at.saturating_duration_since(self.origin).as_micros()).unwrap_or(i64::MAX)
    }
}

/// How far the server's time may have gone on since its latest answer, in microseconds: heartbeats are a second apart.
const AHEAD: i64 = 60_000_000;

/// An answer that takes at most this much longer than the one before is always used, in microseconds.
const JITTER: u64 = 2_000;

/// A duration in milliseconds as Redis takes it: at least one, and no number that it would refuse.
pub(in crate::redis) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, i64::MAX as u64 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_does_not_turn_the_clock_and_slow_answers_do_after_a_while() {
        let clock = ServerClock::new(Instant::now());
        clock.heard(Instant::now(), MS, 1_000_000);
        assert_eq!(clock.now(), 999_500);
        // The server froze for 900 ms, and read its clock at the very end.
        clock.heard(Instant::now(), 900 * MS, 1_900_000);
        assert_eq!(clock.now(), 999_500);
        // The server stays this slow, and its clock has been set.
        for _ in 0..20 {
            clock.heard(Instant::now(), 900 * MS, 5_450_000);
        }
        assert_eq!(clock.now(), 5_000_000);
        assert_eq!(clock.told(), 5_000_000);
        // A quick answer is used at once.
        clock.heard(Instant::now(), 2 * MS, 7_001_000);
        assert_eq!(clock.now(), 7_000_000);
        // A test that turns the clock of its process by a day does not turn what others see.
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
        assert_eq!(clock.told(), 7_001_000 + AHEAD);
    }
}
