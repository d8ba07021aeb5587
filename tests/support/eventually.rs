//! Waiting for something that happens elsewhere, with a deadline and a name.

use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

/// Between two probes. Short enough that waiting costs nothing that a test would notice, long
/// enough that a probe which starts a connection does not drown the server.
const PAUSE: Duration = Duration::from_millis(5);

/// Calls `probe` until it returns `Some`, and returns what is inside.
///
/// A probe that hangs counts as one that said no: the deadline ends it too. Needs a runtime whose
/// clock is not paused, for a paused clock jumps over the deadline while a socket is waited for.
///
/// # Panics
///
/// At the deadline, naming `what` and the caller's line.
#[track_caller]
pub fn eventually<T>(
    within: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let started = Instant::now();
        let mut probes = 0_u32;
        while let Some(left) = within.checked_sub(started.elapsed()) {
            probes += 1;
            match tokio::time::timeout(left, probe()).await {
                Ok(Some(found)) => return found,
                Ok(None) => tokio::time::sleep(PAUSE).await,
                Err(_) => break,
            }
        }
        panic!("{caller}: after {within:?} and {probes} probes still waiting for: {what}");
    }
}

/// The same for code that is not async: calls `probe` until it returns `Some`.
///
/// # Panics
///
/// At the deadline, naming `what`, at the caller's line.
#[track_caller]
pub fn wait_until<T>(within: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut probes = 0_u32;
    loop {
        probes += 1;
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            started.elapsed() < within,
            "after {within:?} and {probes} probes still waiting for: {what}"
        );
        thread::sleep(PAUSE);
    }
}
