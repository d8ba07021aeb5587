//! Waiting for something that happens elsewhere.

use std::thread;
use std::time::{Duration, Instant};

/// Calls `probe` until it returns `Some`; panics in the end, naming `what`.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "still waiting for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Generous: the machine may be busy. What is bounded tighter is measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
