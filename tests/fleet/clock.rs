//! The clock that all processes of one machine share: what ended before something else began, on whichever side, has the
//! smaller time. It stands above everything else here, for a history is events with times of it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) type Nanos = u64;

/// Now.
pub(crate) fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// A length in the clock's unit.
pub(crate) const fn nanos(length: Duration) -> Nanos {
    length.as_nanos() as Nanos
}
